#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "provider_test.h"

static const struct provider *const google = &provider_google;
static const struct prompt gemini = {
    .model = "gemini-2.5-flash", .system = "", .stream = true};
static const struct prompt gemini3 = {
    .model = "gemini-3-flash-preview", .system = "", .stream = true};

static void
assert_url(const char *model, bool as_stream, const char *want)
{
	struct prompt prompt = {.model = model, .stream = as_stream};
	char *url = google->url("http://h/v1beta", &prompt);

	assert_string_equal(url, want);
	free(url);
}

static void
test_url_and_key(void **state)
{
	char *header = google->auth_header("k1");

	(void)state;
	assert_string_equal(header, "x-goog-api-key: k1");
	free(header);
	assert_url("gemini-2.5-flash", true,
	    "http://h/v1beta/models/"
	    "gemini-2.5-flash:streamGenerateContent?alt=sse");
	assert_url("a/../b?x=1#\xc3\xa9", false,
	    "http://h/v1beta/models/"
	    "a%2F..%2Fb%3Fx%3D1%23%C3%A9:generateContent");
	assert_url("tunedModels/my-1", false,
	    "http://h/v1beta/tunedModels/my-1:generateContent");
}

static void
test_body_of_a_first_question(void **state)
{
	struct prompt prompt = gemini;
	jv body;

	(void)state;
	prompt.system = "Be brief.\n";
	prompt.max_output = 100;
	body = body_of(google, prompt,
	    "[{'role':'user','text':'hi \\ud83d\\ude00'}]",
	    "[{'name':'now','description':'tells the time','parameters':"
	    "{'type':'object','properties':{},'additionalProperties':false}}]");
	assert_json(body,
	    "{'systemInstruction':{'parts':[{'text':'Be brief.\\n'}]},"
	    "'tools':[{'functionDeclarations':[{'name':'now',"
	    "'description':'tells the time'}]}],"
	    "'toolConfig':{'functionCallingConfig':{'mode':'AUTO'}},"
	    "'contents':[{'role':'user','parts':[{'text':'hi "
	    "\xf0\x9f\x98\x80'}]}],"
	    "'generationConfig':{'maxOutputTokens':100}}");
	jv_free(body);
}

static void
test_roles_take_turns(void **state)
{
	(void)state;
	assert_body(google, gemini,
	    "[{'role':'user','text':'a'},{'role':'user','text':'b'},"
	    "{'role':'assistant','text':'','calls':[]},"
	    "{'role':'user','text':''},"
	    "{'role':'assistant','text':'c'},{'role':'assistant','text':'d'},"
	    "{'role':'user','text':'e'}]",
	    "[]", "contents",
	    "[{'role':'user','parts':[{'text':'a'},{'text':'b'},"
	    "{'text':'(empty message)'}]},"
	    "{'role':'model','parts':[{'text':'c'},{'text':'d'}]},"
	    "{'role':'user','parts':[{'text':'e'}]}]");
}

static void
test_results_of_one_step_go_together_in_order(void **state)
{
	(void)state;
	assert_body(google, gemini,
	    "[{'role':'user','text':'a'},"
	    "{'role':'assistant','model':'openai/x','text':'t','calls':["
	    "{'id':'1','name':'exec','args':{'command':'date'}},"
	    "{'id':'2','name':'my.tool','args':{},'bad_args':'{'},"
	    "{'id':'3','name':'exec','args':{}}]},"
	    "{'role':'tool','call':'2','ok':false,'output':'not JSON'},"
	    "{'role':'tool','call':'1','ok':true,'exit':0,'output':'Mon'},"
	    "{'role':'tool','call':'stray','ok':true,'output':'x'},"
	    "{'role':'user','text':'and?'}]",
	    "[]", "contents",
	    "[{'role':'user','parts':[{'text':'a'}]},"
	    "{'role':'model','parts':[{'text':'t'},"
	    "{'functionCall':{'name':'exec','args':{'command':'date'}}},"
	    "{'functionCall':{'name':'my_tool','args':{}}},"
	    "{'functionCall':{'name':'exec','args':{}}}]},"
	    "{'role':'user','parts':["
	    "{'functionResponse':{'name':'exec','response':{'output':'Mon'}}},"
	    "{'functionResponse':{'name':'my_tool',"
	    "'response':{'error':'not JSON'}}},"
	    "{'functionResponse':{'name':'exec',"
	    "'response':{'error':'no result was recorded'}}},"
	    "{'text':'and?'}]}]");
}

static void
test_a_failed_command_is_an_error(void **state)
{
	(void)state;
	assert_body(google, gemini,
	    "[{'role':'assistant','text':'','calls':[{'id':'1','name':'exec',"
	    "'args':{}}]},"
	    "{'role':'tool','call':'1','ok':false,'exit':3,'output':''}]",
	    "[]", "contents",
	    "[{'role':'user','parts':[{'text':'(earlier messages left out)'}]},"
	    "{'role':'model','parts':[{'functionCall':{'name':'exec',"
	    "'args':{}}}]},"
	    "{'role':'user','parts':[{'functionResponse':{'name':'exec',"
	    "'response':{'error':'(no output, exit status 3)'}}}]}]");
}

/* A step as the wire gave it goes back as it came. */
static const char signed_step[] =
    "{'role':'assistant','model':'google/gemini-3-flash-preview',"
    "'text':'I look.','calls':[{'id':'g1','name':'exec','args':{'a':1}},"
    "{'id':'c2','name':'exec','args':{}}],"
    "'google':{'parts':[{'text':'I look.'},"
    "{'functionCall':{'id':'g1','name':'exec','args':{'a':1}},"
    "'thoughtSignature':'c2ln'},"
    "{'functionCall':{'name':'exec','args':{}}}]}}";

static void
test_signed_parts_go_back_unchanged(void **state)
{
	char *conversation;

	(void)state;
	assert_true(asprintf(&conversation,
			"[{'role':'user','text':'a'},%s,"
			"{'role':'tool','call':'c2','ok':true,'output':'2'},"
			"{'role':'tool','call':'g1','ok':true,'output':'1'}]",
			signed_step) > 0);
	assert_body(google, gemini3, conversation, "[]", "contents",
	    "[{'role':'user','parts':[{'text':'a'}]},"
	    "{'role':'model','parts':[{'text':'I look.'},"
	    "{'functionCall':{'id':'g1','name':'exec','args':{'a':1}},"
	    "'thoughtSignature':'c2ln'},"
	    "{'functionCall':{'name':'exec','args':{}}}]},"
	    "{'role':'user','parts':["
	    "{'functionResponse':{'id':'g1','name':'exec',"
	    "'response':{'output':'1'}}},"
	    "{'functionResponse':{'name':'exec',"
	    "'response':{'output':'2'}}}]}]");
	free(conversation);
}

static void
test_foreign_calls_get_the_word_for_no_signature(void **state)
{
	(void)state;
	assert_body(google, gemini3,
	    "[{'role':'user','text':'a'},"
	    "{'role':'assistant','model':'openai/x','text':'','calls':["
	    "{'id':'1','name':'exec','args':{}},"
	    "{'id':'2','name':'exec','args':{}}]}]",
	    "[]", "contents",
	    "[{'role':'user','parts':[{'text':'a'}]},"
	    "{'role':'model','parts':["
	    "{'functionCall':{'name':'exec','args':{}},"
	    "'thoughtSignature':'skip_thought_signature_validator'},"
	    "{'functionCall':{'name':'exec','args':{}}}]},"
	    "{'role':'user','parts':["
	    "{'functionResponse':{'name':'exec',"
	    "'response':{'error':'no result was recorded'}}},"
	    "{'functionResponse':{'name':'exec',"
	    "'response':{'error':'no result was recorded'}}}]}]");
}

static void
assert_schema(const char *parameters, const char *want)
{
	char *tools;

	assert_true(asprintf(&tools,
			"[{'name':'t','description':'d','parameters':{"
			"'type':'object','properties':{'p':%s}}}]",
			parameters) > 0);
	jv body =
	    body_of(google, gemini, "[{'role':'user','text':'a'}]", tools);
	jv list = json_get(body, "tools"), first = json_at(list, 0);
	jv declared = json_get(first, "functionDeclarations");
	jv tool = json_at(declared, 0);
	jv schema = json_path(tool, "parameters.properties.p");

	assert_json(schema, want);
	jv_free(schema);
	jv_free(tool);
	jv_free(declared);
	jv_free(first);
	jv_free(list);
	jv_free(body);
	free(tools);
}

static void
test_schemas_are_reduced(void **state)
{
	(void)state;
	assert_schema("{'type':'string','minLength':1,'$comment':'x',"
		      "'description':'words','format':'uri','default':'a'}",
	    "{'type':'string','description':'words'}");
	assert_schema("{'type':['string','null'],'format':'date-time'}",
	    "{'type':'string','nullable':true,'format':'date-time'}");
	assert_schema("{'const':'on'}",
	    "{'type':'string','format':'enum','enum':['on']}");
	assert_schema("{'type':'integer','enum':[1,2],'minimum':1,"
		      "'exclusiveMaximum':3}",
	    "{'type':'integer','minimum':1}");
	assert_schema("{'type':'array','maxItems':3}",
	    "{'type':'array','items':{'type':'string'},'maxItems':3}");
	assert_schema("{'$ref':'#/$defs/x'}", "{'type':'string'}");
	assert_schema("{'type':'object','additionalProperties':false,"
		      "'required':['a','gone'],'properties':{"
		      "'a':{'type':'boolean','title':'A'}}}",
	    "{'type':'object','properties':{'a':{'type':'boolean'}},"
	    "'required':['a']}");
	assert_schema("{'type':'object','description':'headers',"
		      "'additionalProperties':{'type':'string'}}",
	    "{'type':'string','description':"
	    "'headers (a JSON object, as text)'}");
	assert_schema("true", "{'type':'string'}");
}

static void
test_schemas_of_alternatives_become_one(void **state)
{
	(void)state;
	assert_schema("{'oneOf':[{'const':'a'},{'const':'b'},{'type':'null'}]}",
	    "{'type':'string','nullable':true,'format':'enum',"
	    "'enum':['a','b']}");
	assert_schema("{'description':'d','anyOf':[{'type':'integer'},"
		      "{'type':'string'}]}",
	    "{'type':'integer','description':'d'}");
	assert_schema("{'allOf':[{'type':'object','properties':{'a':{}}},"
		      "{'properties':{'b':{'allOf':[{'anyOf':["
		      "{'type':'number'}]}]}},'required':['b']}]}",
	    "{'type':'object','properties':{'a':{'type':'string'},"
	    "'b':{'type':'number'}},'required':['b']}");
}

static void
test_images(void **state)
{
	char path[] = "/tmp/test_google.XXXXXX", *conversation;
	struct prompt prompt = gemini;
	int fd = mkstemp(path);
	char want[512];

	(void)state;
	assert_true(fd >= 0 && dprintf(fd, "hello") == 5);
	close(fd);
	assert_true(asprintf(&conversation,
			"[{'role':'user','text':'see','media':["
			"{'path':'%s','mime':'image/png'},"
			"{'path':'/x.pdf','mime':'application/pdf'},"
			"{'path':'/nowhere.png','mime':'image/png'}]}]",
			path) > 0);
	prompt.images = true;
	assert_body(google, prompt, conversation, "[]", "contents",
	    "[{'role':'user','parts':[{'text':'see'},"
	    "{'text':'[attached file: /x.pdf (application/pdf)]'},"
	    "{'inlineData':{'mimeType':'image/png','data':'aGVsbG8='}},"
	    "{'text':'[image that cannot be read: /nowhere.png]'}]}]");
	prompt.images = false;
	snprintf(want, sizeof want,
	    "[{'role':'user','parts':[{'text':'see'},"
	    "{'text':'[image left out, this model takes none: %s (image/png)]"
	    "\\n[attached file: /x.pdf (application/pdf)]"
	    "\\n[image left out, this model takes none: /nowhere.png "
	    "(image/png)]'}]}]",
	    path);
	assert_body(google, prompt, conversation, "[]", "contents", want);
	unlink(path);
	free(conversation);
}

static void
test_a_request_over_20_mb_is_refused(void **state)
{
	char path[] = "/tmp/test_google.XXXXXX", *text;
	struct prompt prompt = gemini;
	int fd = mkstemp(path);
	const char *problem = NULL;
	struct buf out = {0};

	(void)state;
	assert_true(fd >= 0 && ftruncate(fd, 15 * 1000 * 1000) == 0);
	close(fd);
	assert_true(asprintf(&text,
			"[{'role':'user','text':'','media':["
			"{'path':'%s','mime':'image/png'}]}]",
			path) > 0);
	prompt.images = true;
	prompt.conversation = parse(text);
	prompt.tools = json_array();
	assert_false(google->body(&out, &prompt, &problem));
	assert_non_null(strstr(problem, "20 MB"));
	unlink(path);
	buf_free(&out);
	jv_free(prompt.conversation);
	jv_free(prompt.tools);
	free(text);
}

static void
test_a_stream_of_text(void **state)
{
	struct answer answer;

	(void)state;
	stream(google, &answer,
	    "{'candidates':[{'content':{'role':'model','parts':["
	    "{'text':'hm','thought':true}]}}]}\n"
	    "{'candidates':[{'content':{'parts':[{'text':'Hel'}]}}]}\n"
	    "{'candidates':[{'content':{'parts':[{'text':'lo\\ud800'}]},"
	    "'finishReason':'STOP'}],'usageMetadata':{'promptTokenCount':7,"
	    "'candidatesTokenCount':2,'thoughtsTokenCount':5,"
	    "'cachedContentTokenCount':4,'totalTokenCount':14}}\n");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_string_equal(answer.text.data, "Hello\xef\xbf\xbd");
	assert_json(answer.calls, "[]");
	assert_json(answer.extra, "{}");
	assert_true(answer.finished && !answer.truncated);
	assert_int_equal(answer.input, 7);
	assert_int_equal(answer.output, 7);
	assert_int_equal(answer.cached, 4);
	assert_int_equal(answer.thoughts, 5);
	answer_free(&answer);
}

static void
test_calls_and_signatures_are_kept(void **state)
{
	struct answer answer;

	(void)state;
	stream(google, &answer,
	    "{'candidates':[{'content':{'parts':["
	    "{'text':'secret thought','thought':true},{'text':'I '}]}}]}\n"
	    "{'candidates':[{'content':{'parts':[{'text':'look.'}]}}]}\n"
	    "{'candidates':[{'content':{'parts':["
	    "{'functionCall':{'id':'g1','name':'exec','args':{'a':1}},"
	    "'thoughtSignature':'c2ln'},"
	    "{'functionCall':{'id':'g2','name':'list_files'}}]}}]}\n"
	    "{'candidates':[{'content':{'parts':[{'text':'Done.'},"
	    "{'text':'','thoughtSignature':'bGFzdA=='}]},"
	    "'finishReason':'STOP'}]}\n");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_string_equal(answer.text.data, "I look.Done.");
	assert_json(answer.calls, "[{'id':'g1','name':'exec','args':{'a':1}},"
				  "{'id':'g2','name':'list_files','args':{}}]");
	assert_json(answer.extra,
	    "{'google':{'parts':[{'text':'I look.'},"
	    "{'functionCall':{'id':'g1','name':'exec','args':{'a':1}},"
	    "'thoughtSignature':'c2ln'},"
	    "{'functionCall':{'id':'g2','name':'list_files'}},"
	    "{'text':'Done.'},"
	    "{'text':'','thoughtSignature':'bGFzdA=='}]}}");
	answer_free(&answer);
}

static void
test_calls_without_an_id_get_one(void **state)
{
	struct answer answer;
	jv first, second;

	(void)state;
	whole(google, &answer,
	    "{'candidates':[{'content':{'parts':["
	    "{'functionCall':{'name':'exec','args':{}}},"
	    "{'functionCall':{'name':'exec','args':['x']}}]},"
	    "'finishReason':'STOP'}]}");
	assert_int_equal(answer.error, ANSWER_OK);
	first = json_at(answer.calls, 0);
	second = json_at(answer.calls, 1);
	assert_string_not_equal(json_get_string(first, "id", ""), "");
	assert_string_not_equal(json_get_string(first, "id", ""),
	    json_get_string(second, "id", ""));
	assert_string_equal(json_get_string(second, "bad_args", ""), "[\"x\"]");
	jv_free(first);
	jv_free(second);
	answer_free(&answer);
}

static void
assert_ends(const char *events, enum answer_error error, const char *words)
{
	struct answer answer;

	stream(google, &answer, events);
	if (answer.error != error)
		fail_msg("%s is %s and not %s", events,
		    answer_error_name(answer.error), answer_error_name(error));
	assert_non_null(answer.message);
	if (strstr(answer.message, words) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", answer.message, words);
	answer_free(&answer);
}

static void
test_bad_ends(void **state)
{
	(void)state;
	assert_ends("{'candidates':[{'content':{'parts':[{'text':'half'}]}}]}",
	    ANSWER_CUT, "broke off");
	assert_ends("", ANSWER_CUT, "broke off");
	assert_ends(
	    "{'candidates':[{'finishReason':'STOP'}]}", ANSWER_EMPTY, "empty");
	assert_ends("{'candidates':[{'finishReason':'MAX_TOKENS'}]}",
	    ANSWER_EMPTY, "output limit");
	assert_ends("{'candidates':[{'content':{'parts':[{'text':' \\n'}]},"
		    "'finishReason':'STOP'}]}",
	    ANSWER_EMPTY, "empty");
	assert_ends("{'candidates':[{'finishReason':'SAFETY'}]}",
	    ANSWER_BLOCKED, "SAFETY");
	assert_ends("{'candidates':[{'finishReason':'MALFORMED_FUNCTION_CALL',"
		    "'finishMessage':'print(x)'}]}",
	    ANSWER_MALFORMED, "print(x)");
	assert_ends("{'promptFeedback':{'blockReason':'OTHER'}}",
	    ANSWER_BLOCKED, "OTHER");
	assert_ends("{'candidates':[{'content'", ANSWER_MALFORMED, "JSON");
	assert_ends("[1]", ANSWER_MALFORMED, "JSON");
	assert_ends("{'error':{'code':503,'message':'busy',"
		    "'status':'UNAVAILABLE'}}",
	    ANSWER_OVERLOADED, "busy");
	assert_ends("{'candidates':[{'content':{'parts':[{'functionCall':"
		    "{'args':{}}}]},'finishReason':'STOP'}]}",
	    ANSWER_MALFORMED, "name");
}

static void
test_truncated_text_is_an_answer(void **state)
{
	struct answer answer;

	(void)state;
	whole(google, &answer,
	    "{'candidates':[{'content':{'parts':[{'text':'long'}]},"
	    "'finishReason':'MAX_TOKENS'}]}");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_true(answer.truncated && answer.finished);
	answer_free(&answer);
	whole(google, &answer, "<html>busy</html>");
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	answer_free(&answer);
	whole(google, &answer, "{}");
	assert_int_equal(answer.error, ANSWER_EMPTY);
	answer_free(&answer);
}

static void
test_too_much_is_malformed(void **state)
{
	static const char call[] = "{'functionCall':{'name':'exec'}}";
	struct buf event = {0};
	struct answer answer;
	bool more = true;

	(void)state;
	buf_add_string(&event, "{'candidates':[{'content':{'parts':[");
	for (int i = 0; i < 65; i++)
		buf_printf(&event, "%s%s", i != 0 ? "," : "", call);
	buf_add_string(&event, "]},'finishReason':'STOP'}]}");
	stream(google, &answer, event.data);
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	answer_free(&answer);
	buf_clear(&event);
	buf_add_string(&event, "{\"candidates\":[{\"content\":{\"parts\":"
			       "[{\"text\":\"");
	for (int i = 0; i < 4096; i++)
		buf_add_string(&event, "0123456789abcdef");
	buf_add_string(&event, "\"}]}}]}");
	answer_init(&answer);
	for (int i = 0; i < 17 && more; i++)
		more = google->event(&answer, event.data, event.length);
	assert_false(more);
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	answer_free(&answer);
	buf_free(&event);
}

static void
test_errors(void **state)
{
	(void)state;
	assert_failed(google, 400,
	    "{'error':{'code':400,'message':'API key not valid. Please pass a "
	    "valid API key.','status':'INVALID_ARGUMENT','details':[{"
	    "'reason':'API_KEY_INVALID'}]}}",
	    ANSWER_AUTH, "API key not valid");
	assert_failed(google, 400,
	    "{'error':{'code':400,'message':'The input token count (1200000) "
	    "exceeds the maximum number of tokens allowed (1048576).',"
	    "'status':'INVALID_ARGUMENT'}}",
	    ANSWER_TOO_LONG, "1200000");
	assert_failed(google, 400, "{'error':{'message':'bad field'}}",
	    ANSWER_BAD_REQUEST, "bad field");
	assert_failed(google, 403,
	    "[{'error':{'message':'denied','status':'PERMISSION_DENIED'}}]",
	    ANSWER_AUTH, "PERMISSION_DENIED: denied");
	assert_failed(google, 403,
	    "{'error':{'message':'requires billing to be enabled'}}",
	    ANSWER_BILLING, "billing");
	assert_failed(google, 402, "{}", ANSWER_BILLING, "402");
	assert_failed(google, 404, "{'error':{'message':'no such model'}}",
	    ANSWER_NOT_FOUND, "no such model");
	assert_failed(google, 413, "<html><title>Too Large</title>",
	    ANSWER_TOO_LONG, "HTTP 413: Too Large");
	assert_failed(google, 500, "", ANSWER_SERVER, "500");
	assert_failed(google, 503, "upstream gone\nmore", ANSWER_OVERLOADED,
	    "HTTP 503: upstream gone");
	assert_failed(google, 504, "{'error':'x'}", ANSWER_TIMEOUT, "504");
}

static void
assert_delay(const char *delay, int64_t want)
{
	struct answer answer;
	char *text, *json;

	assert_true(asprintf(&text,
			"{'error':{'code':429,'message':'You exceeded your "
			"current quota, please check your plan and billing "
			"details.','status':'RESOURCE_EXHAUSTED','details':[{"
			"'violations':[{'quotaId':'PerDay'}]},"
			"{'retryDelay':'%s'}]}}",
			delay) > 0);
	json = quoted(text);
	answer_init(&answer);
	google->failed(&answer, 429, json, strlen(json));
	assert_int_equal(answer.error, ANSWER_RATE_LIMIT);
	assert_int_equal(answer.retry_after_ms, want);
	answer_free(&answer);
	free(json);
	free(text);
}

static void
test_a_rate_limit_tells_when_to_come_back(void **state)
{
	(void)state;
	assert_delay("17s", 17000);
	assert_delay("0s", 0);
	assert_delay("36.2719s", 36271);
	assert_delay("99999999999999999999s", 86400000);
	assert_delay("-3s", -1);
	assert_delay("soon", -1);
	assert_delay("", -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_url_and_key),
	    cmocka_unit_test(test_body_of_a_first_question),
	    cmocka_unit_test(test_roles_take_turns),
	    cmocka_unit_test(test_results_of_one_step_go_together_in_order),
	    cmocka_unit_test(test_a_failed_command_is_an_error),
	    cmocka_unit_test(test_signed_parts_go_back_unchanged),
	    cmocka_unit_test(test_foreign_calls_get_the_word_for_no_signature),
	    cmocka_unit_test(test_schemas_are_reduced),
	    cmocka_unit_test(test_schemas_of_alternatives_become_one),
	    cmocka_unit_test(test_images),
	    cmocka_unit_test(test_a_request_over_20_mb_is_refused),
	    cmocka_unit_test(test_a_stream_of_text),
	    cmocka_unit_test(test_calls_and_signatures_are_kept),
	    cmocka_unit_test(test_calls_without_an_id_get_one),
	    cmocka_unit_test(test_bad_ends),
	    cmocka_unit_test(test_truncated_text_is_an_answer),
	    cmocka_unit_test(test_too_much_is_malformed),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_a_rate_limit_tells_when_to_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
