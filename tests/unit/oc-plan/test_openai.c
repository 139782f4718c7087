#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "provider_test.h"

static const struct provider *const openai = &provider_openai;
static const struct prompt llama = {
    .model = "llama3.1:latest", .system = "", .stream = true};

static void
test_url_and_key(void **state)
{
	char *url = openai->url("http://h:4000/v1", &llama);
	char *header = openai->auth_header("k1");

	(void)state;
	assert_string_equal(url, "http://h:4000/v1/chat/completions");
	assert_string_equal(header, "Authorization: Bearer k1");
	free(url);
	free(header);
}

static void
test_body_of_a_first_question(void **state)
{
	struct prompt prompt = llama;
	jv body;

	(void)state;
	prompt.system = "Be brief.\n";
	prompt.max_output = 100;
	body = body_of(openai, prompt, "[{'role':'user','text':'hi'}]",
	    "[{'name':'now','description':'tells the time','parameters':"
	    "{'type':'object','additionalProperties':false}},"
	    "{'name':'b','description':''}]");
	assert_json(body,
	    "{'model':'llama3.1:latest','messages':["
	    "{'role':'system','content':'Be brief.\\n'},"
	    "{'role':'user','content':'hi'}],"
	    "'tools':[{'type':'function','function':{'name':'now',"
	    "'description':'tells the time','parameters':{'type':'object',"
	    "'additionalProperties':false}}},"
	    "{'type':'function','function':{'name':'b','description':'',"
	    "'parameters':{'type':'object','properties':{}}}}],"
	    "'tool_choice':'auto','max_tokens':100,"
	    "'stream':true,'stream_options':{'include_usage':true}}");
	jv_free(body);
	prompt = llama;
	prompt.stream = false;
	body = body_of(openai, prompt, "[{'role':'user','text':'hi'}]", "[]");
	assert_json(body, "{'model':'llama3.1:latest','messages':["
			  "{'role':'user','content':'hi'}]}");
	jv_free(body);
}

static void
test_calls_and_results(void **state)
{
	(void)state;
	assert_body(openai, llama,
	    "[{'role':'user','text':'a'},"
	    "{'role':'assistant','text':'','calls':[]},"
	    "{'role':'assistant','text':'t','calls':["
	    "{'id':'1','name':'exec','args':{'command':'date'}},"
	    "{'id':'2','name':'my.tool','args':{},'bad_args':'{'},"
	    "{'id':'','name':'exec'}]},"
	    "{'role':'tool','call':'2','ok':false,'output':'not JSON'},"
	    "{'role':'tool','call':'1','ok':false,'exit':1,'output':'no'},"
	    "{'role':'tool','call':'stray','ok':true,'output':'x'},"
	    "{'role':'assistant','text':'','calls':["
	    "{'id':'4','name':'exec','args':{}}]},"
	    "{'role':'tool','call':'4','ok':true,'exit':0,'output':'Mon'}]",
	    "[]", "messages",
	    "[{'role':'user','content':'a'},"
	    "{'role':'assistant','content':'t','tool_calls':["
	    "{'id':'1','type':'function','function':{'name':'exec',"
	    "'arguments':'{\\'command\\':\\'date\\'}'}},"
	    "{'id':'2','type':'function','function':{'name':'my_tool',"
	    "'arguments':'{}'}},"
	    "{'id':'call_2_2','type':'function','function':{'name':'exec',"
	    "'arguments':'{}'}}]},"
	    "{'role':'tool','tool_call_id':'1',"
	    "'content':'error: no'},"
	    "{'role':'tool','tool_call_id':'2','content':'error: not JSON'},"
	    "{'role':'tool','tool_call_id':'call_2_2',"
	    "'content':'error: no result was recorded'},"
	    "{'role':'assistant','content':null,'tool_calls':["
	    "{'id':'4','type':'function','function':{'name':'exec',"
	    "'arguments':'{}'}}]},"
	    "{'role':'tool','tool_call_id':'4','content':'Mon'}]");
}

static void
test_what_the_server_gave_with_a_call_goes_back(void **state)
{
	static const char step[] =
	    "[{'role':'assistant','model':'openai/%s','text':'','calls':["
	    "{'id':'c1','name':'exec','args':{}}],"
	    "'openai':{'calls':{'c1':{'id':'call_x__thought__c2/n',"
	    "'extra_content':{'google':{'thought_signature':'c2ln'}}}}}},"
	    "{'role':'tool','call':'c1','ok':true,'output':'1'}]";
	char *conversation;

	(void)state;
	assert_true(asprintf(&conversation, step, "llama3.1:latest") > 0);
	assert_body(openai, llama, conversation, "[]", "messages",
	    "[{'role':'assistant','content':null,'tool_calls':["
	    "{'id':'call_x__thought__c2/n','type':'function',"
	    "'extra_content':{'google':{'thought_signature':'c2ln'}},"
	    "'function':{'name':'exec','arguments':'{}'}}]},"
	    "{'role':'tool','tool_call_id':'call_x__thought__c2/n',"
	    "'content':'1'}]");
	free(conversation);
	assert_true(asprintf(&conversation, step, "another") > 0);
	assert_body(openai, llama, conversation, "[]", "messages",
	    "[{'role':'assistant','content':null,'tool_calls':["
	    "{'id':'c1','type':'function',"
	    "'function':{'name':'exec','arguments':'{}'}}]},"
	    "{'role':'tool','tool_call_id':'c1','content':'1'}]");
	free(conversation);
}

static void
test_images(void **state)
{
	char path[] = "/tmp/test_openai.XXXXXX", *conversation;
	struct prompt prompt = llama;
	int fd = mkstemp(path);
	char want[256];

	(void)state;
	assert_true(fd >= 0 && dprintf(fd, "hello") == 5);
	close(fd);
	assert_true(asprintf(&conversation,
			"[{'role':'user','text':'see','media':["
			"{'path':'%s','mime':'image/png'},"
			"{'path':'/nowhere.png','mime':'image/png'}]}]",
			path) > 0);
	prompt.images = true;
	assert_body(openai, prompt, conversation, "[]", "messages",
	    "[{'role':'user','content':[{'type':'text','text':'see'},"
	    "{'type':'image_url','image_url':{'url':"
	    "'data:image/png;base64,aGVsbG8='}},"
	    "{'type':'text','text':"
	    "'[image that cannot be read: /nowhere.png]'}]}]");
	prompt.images = false;
	snprintf(want, sizeof want,
	    "[{'role':'user','content':'see\\n"
	    "[image left out, this model takes none: %s (image/png)]\\n"
	    "[image left out, this model takes none: /nowhere.png "
	    "(image/png)]'}]",
	    path);
	assert_body(openai, prompt, conversation, "[]", "messages", want);
	unlink(path);
	free(conversation);
}

static void
test_a_stream_of_text(void **state)
{
	struct answer answer;

	(void)state;
	stream(openai, &answer,
	    "{'choices':[{'index':0,'delta':{'role':'assistant',"
	    "'content':''},'finish_reason':null}]}\n"
	    "{'choices':[{'index':0,'delta':{'content':'Hel',"
	    "'reasoning_content':'hm'}},{'index':1,'delta':{'content':'X'}}]}\n"
	    "{'choices':[{'delta':{'content':[{'type':'text','text':'lo'},"
	    "{'type':'thinking','thinking':'x'}]}}]}\n"
	    "{'choices':[{'delta':{'content':'\\udc00'}}],"
	    "'usage':{'prompt_tokens':3,'completion_tokens':1}}\n"
	    "{'choices':[{'delta':{},'finish_reason':'stop'}]}\n"
	    "{'choices':[],'usage':{'prompt_tokens':7,'completion_tokens':9,"
	    "'prompt_tokens_details':{'cached_tokens':4},"
	    "'completion_tokens_details':{'reasoning_tokens':5}}}\n"
	    "[DONE]\n");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_string_equal(answer.text.data, "Hello\xef\xbf\xbd");
	assert_json(answer.calls, "[]");
	assert_json(answer.extra, "{}");
	assert_true(answer.finished && !answer.truncated);
	assert_int_equal(answer.input, 7);
	assert_int_equal(answer.output, 9);
	assert_int_equal(answer.cached, 4);
	assert_int_equal(answer.thoughts, 5);
	answer_free(&answer);
}

/* Ids that were made, of nine characters, become MADE. */
static void
mark_made_ids(struct answer *answer)
{
	for (int i = 0, n = json_length(answer->calls); i < n; i++) {
		jv call = json_at(answer->calls, i);

		if (strlen(json_get_string(call, "id", "")) == 9)
			call = json_set_string(call, "id", "MADE");
		answer->calls = json_set_at(answer->calls, i, call);
	}
}

/* A stream of tool_calls entries, one a line, and what comes of them. */
static void
assert_calls(const char *entries, const char *want)
{
	struct answer answer;
	struct buf events = {0};

	for (const char *line = entries; *line != '\0';) {
		int length = (int)strcspn(line, "\n");

		buf_printf(&events,
		    "{'choices':[{'delta':{'content':null,"
		    "'tool_calls':[%.*s]}}]}\n",
		    length, line);
		line += length + (line[length] == '\n');
	}
	buf_add_string(&events,
	    "{'choices':[{'delta':{},'finish_reason':'tool_calls'}]}\n");
	stream(openai, &answer, events.data);
	if (answer.error != ANSWER_OK)
		fail_msg("%s: %s", entries, answer.message);
	mark_made_ids(&answer);
	assert_json(answer.calls, want);
	answer_free(&answer);
	buf_free(&events);
}

static const char two_calls[] = "[{'id':'a','name':'exec','args':{'x':1}},"
				"{'id':'b','name':'exec','args':{'x':2}}]";

static void
test_calls_in_pieces(void **state)
{
	(void)state;
	/* by the book */
	assert_calls("{'index':0,'id':'a','type':'function','function':"
		     "{'name':'exec','arguments':''}}\n"
		     "{'index':0,'function':{'arguments':'{\\'x\\''}}\n"
		     "{'index':0,'function':{'arguments':':1}'}}\n"
		     "{'index':1,'id':'b','function':{'name':'exec',"
		     "'arguments':'{\\'x\\':2}'}}",
	    two_calls);
	/* pieces of two calls in one event */
	assert_calls("{'index':0,'id':'a','function':{'name':'exec'}},"
		     "{'index':1,'id':'b','function':{'name':'exec'}}\n"
		     "{'index':1,'function':{'arguments':'{\\'x\\':2}'}},"
		     "{'index':0,'function':{'arguments':'{\\'x\\':1}'}}",
	    two_calls);
	/* a name in pieces */
	assert_calls("{'index':0,'id':'a','function':{'name':'list_'}}\n"
		     "{'index':0,'function':{'name':'files','arguments':'{}'}}",
	    "[{'id':'a','name':'list_files','args':{}}]");
}

static void
test_calls_that_share_an_index(void **state)
{
	(void)state;
	/* Ollama: index 0 for each, with new ids */
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':'{\\'x\\':1}'}}\n"
		     "{'index':0,'id':'b','function':{'name':'exec',"
		     "'arguments':'{\\'x\\':2}'}}",
	    two_calls);
	/* the same id for both */
	assert_calls("{'index':0,'id':'a','function':{'name':'list_files',"
		     "'arguments':'{}'}}\n"
		     "{'index':0,'id':'a','function':{'name':'exec'}}\n"
		     "{'index':1,'id':'b','function':{'name':'exec',"
		     "'arguments':'{\\'x\\':2}'}}\n"
		     "{'index':1,'id':'b','function':{'name':'exec',"
		     "'arguments':''}}",
	    "[{'id':'a','name':'list_files','args':{}},"
	    "{'id':'MADE','name':'exec','args':{}},"
	    "{'id':'b','name':'exec','args':{'x':2}}]");
}

static void
test_calls_without_an_index(void **state)
{
	(void)state;
	assert_calls(
	    "{'id':'a','function':{'name':'exec',"
	    "'arguments':'{\\'x\\''}}\n"
	    "{'function':{'arguments':':1}'}}\n"
	    "{'id':'b','function':{'name':'exec','arguments':'{\\'x\\':'}}\n"
	    "{'id':'b','function':{'arguments':'2}'}}",
	    two_calls);
}

static void
test_calls_that_repeat_themselves(void **state)
{
	(void)state;
	/* vLLM: id and name with each piece */
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':'{\\'x\\''}}\n"
		     "{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':':1}'}}\n"
		     "{'index':1,'id':'b','function':{'name':'exec',"
		     "'arguments':'{\\'x\\':2}'}}\n"
		     "{'index':1,'id':'b','function':{'name':'exec',"
		     "'arguments':''}}",
	    two_calls);
	/* a new id with each piece */
	assert_calls(
	    "{'index':0,'id':'a','function':{'name':'exec','arguments':'{'}}\n"
	    "{'index':0,'id':'z','function':{'arguments':'}'}}",
	    "[{'id':'a','name':'exec','args':{}}]");
}

static void
test_arguments_of_many_kinds(void **state)
{
	(void)state;
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':{'x':1}}}",
	    "[{'id':'a','name':'exec','args':{'x':1}}]");
	assert_calls("{'index':0,'id':'a','function':{'name':'exec'}}",
	    "[{'id':'a','name':'exec','args':{}}]");
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':' null'}}",
	    "[{'id':'a','name':'exec','args':{}}]");
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':'{}{\\'x\\':1}'}}",
	    "[{'id':'a','name':'exec','args':{'x':1}}]");
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':'\\'{\\\\\\'x\\\\\\':1}\\''}}",
	    "[{'id':'a','name':'exec','args':{'x':1}}]");
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':'date; x'}}",
	    "[{'id':'a','name':'exec','args':{},'bad_args':'date; x'}]");
	assert_calls("{'index':0,'id':'a','function':{'name':'exec',"
		     "'arguments':'[1]'}}",
	    "[{'id':'a','name':'exec','args':{},'bad_args':'[1]'}]");
	assert_calls("{'index':0,'id':'a','function':{'name':"
		     "'functions.exec<|channel|>json','arguments':'{}'}}\n"
		     "{'index':1,'function':{'arguments':''}}",
	    "[{'id':'a','name':'exec','args':{}}]");
}

static void
test_an_odd_id_is_replaced_and_remembered(void **state)
{
	struct answer answer;
	jv call, own, calls;
	char *id;

	(void)state;
	whole(openai, &answer,
	    "{'choices':[{'message':{'tool_calls':[{'id':'../x__thought__a/b',"
	    "'provider_specific_fields':{'thought_signature':'s'},"
	    "'function':{'name':'exec','arguments':'{}'}}]},"
	    "'finish_reason':'tool_calls'}]}");
	assert_int_equal(answer.error, ANSWER_OK);
	call = json_at(answer.calls, 0);
	id = strdup(json_get_string(call, "id", ""));
	assert_null(strchr(id, '/'));
	calls = json_path(answer.extra, "openai.calls");
	own = json_get(calls, id);
	assert_json(own,
	    "{'id':'../x__thought__a/b',"
	    "'provider_specific_fields':{'thought_signature':'s'}}");
	jv_free(own);
	jv_free(calls);
	jv_free(call);
	free(id);
	answer_free(&answer);
}

/* Ollama and others count anew with each answer. */
static void
test_an_id_that_was_there_before_is_replaced(void **state)
{
	static const char event[] =
	    "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"call_0\","
	    "\"function\":{\"name\":\"exec\"}}]}}]}";
	struct prompt prompt = llama;
	struct answer answer;
	jv call;

	(void)state;
	prompt.tools = json_array();
	prompt.conversation = parse("[{'role':'assistant','calls':["
				    "{'id':'call_0','name':'exec'}]}]");
	answer_init(&answer);
	answer_expect(&answer, &prompt);
	openai->whole(&answer, event, strlen(event));
	call = json_at(answer.calls, 0);
	assert_string_not_equal(
	    json_get_string(call, "id", "call_0"), "call_0");
	assert_json(answer.extra, "{}");
	jv_free(call);
	answer_free(&answer);
	jv_free(prompt.conversation);
	jv_free(prompt.tools);
}

/* A text as the whole answer, and what comes of it. */
static void
assert_text(const char *text, const char *want_text, const char *names)
{
	struct answer answer;
	struct buf event = {0}, is = {0};

	buf_printf(&event,
	    "{'choices':[{'delta':{'content':'%s'},"
	    "'finish_reason':'stop'}]}\n[DONE]",
	    text);
	stream(openai, &answer, event.data);
	assert_string_equal(buf_string(&answer.text), want_text);
	for (int i = 0, n = json_length(answer.calls); i < n; i++) {
		jv call = json_at(answer.calls, i);
		char *args;
		jv value = json_get(call, "args");

		args = json_text(value);
		buf_printf(
		    &is, "%s%s", json_get_string(call, "name", ""), args);
		free(args);
		jv_free(value);
		jv_free(call);
	}
	assert_string_equal(buf_string(&is), names);
	answer_free(&answer);
	buf_free(&event);
	buf_free(&is);
}

static void
test_calls_written_as_text(void **state)
{
	(void)state;
	assert_text("{\\'name\\':\\'exec\\',\\'arguments\\':{\\'x\\':1}}", "",
	    "exec{\"x\":1}");
	assert_text("\\n```json\\n{\\'type\\':\\'function\\',\\'name\\':"
		    "\\'exec\\',\\'parameters\\':{}}\\n```\\n",
	    "", "exec{}");
	assert_text("[{\\'function\\':{\\'name\\':\\'exec\\',\\'args\\':{}}},"
		    "{\\'name\\':\\'list_files\\',\\'args\\':{}}]",
	    "", "exec{}list_files{}");
	assert_text("I look.\\n<tool_call>\\n{\\'name\\':\\'exec\\',"
		    "\\'arguments\\':{\\'x\\':1}}\\n</tool_call>\\n"
		    "<tool_call>{\\'name\\':\\'exec\\',\\'arguments\\':{}}",
	    "I look.", "exec{\"x\":1}exec{}");
	assert_text("<tools>{\\'name\\':\\'exec\\',\\'arguments\\':{}}"
		    "</tools>",
	    "", "exec{}");
}

static void
test_text_that_is_no_call_stays(void **state)
{
	(void)state;
	assert_text("{\\'name\\':\\'rm\\',\\'arguments\\':{}}",
	    "{\"name\":\"rm\",\"arguments\":{}}", "");
	assert_text("{\\'name\\':\\'exec\\'}", "{\"name\":\"exec\"}", "");
	assert_text("{\\'name\\':\\'exec\\',\\'arguments\\':\\'x\\'}",
	    "{\"name\":\"exec\",\"arguments\":\"x\"}", "");
	assert_text("Say {\\'name\\':\\'exec\\',\\'arguments\\':{}}",
	    "Say {\"name\":\"exec\",\"arguments\":{}}", "");
	assert_text("[{\\'name\\':\\'exec\\',\\'arguments\\':{}},1]",
	    "[{\"name\":\"exec\",\"arguments\":{}},1]", "");
	assert_text("a <tool_call>{\\'name\\':\\'rm\\',\\'arguments\\':{}}"
		    "</tool_call> b",
	    "a <tool_call>{\"name\":\"rm\",\"arguments\":{}}</tool_call> b",
	    "");
	assert_text("[]", "[]", "");
	assert_text("``````", "``````", "");
}

static void
test_without_tools_no_text_is_a_call(void **state)
{
	static const char event[] =
	    "{\"choices\":[{\"message\":{\"content\":"
	    "\"{\\\"name\\\":\\\"exec\\\",\\\"arguments\\\":{}}\"}}]}";
	struct answer answer;

	(void)state;
	answer_init(&answer);
	openai->whole(&answer, event, strlen(event));
	assert_int_equal(answer.error, ANSWER_OK);
	assert_json(answer.calls, "[]");
	answer_free(&answer);
}

static void
test_thinking_at_the_start_is_left_out(void **state)
{
	struct answer answer;

	(void)state;
	assert_text("<think>\\nhm\\n</think>\\n\\nHello", "Hello", "");
	assert_text("<thin", "<thin", "");
	assert_text("<b>think</b>", "<b>think</b>", "");
	assert_text("a <think>x</think>", "a <think>x</think>", "");
	assert_text("<think>x</think>{\\'name\\':\\'exec\\',"
		    "\\'arguments\\':{}}",
	    "", "exec{}");
	stream(openai, &answer,
	    "{'choices':[{'delta':{'content':'\\n<th'}}]}\n"
	    "{'choices':[{'delta':{'content':'ink>a </thi'}}]}\n"
	    "{'choices':[{'delta':{'content':'nk> b </think'}}]}\n"
	    "{'choices':[{'delta':{'content':'>c'}}]}\n"
	    "[DONE]");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_string_equal(answer.text.data, "b </think>c");
	answer_free(&answer);
	stream(openai, &answer,
	    "{'choices':[{'delta':{'content':'<think>without end'},"
	    "'finish_reason':'length'}]}");
	assert_int_equal(answer.error, ANSWER_EMPTY);
	answer_free(&answer);
}

static void
test_whole_answers(void **state)
{
	struct answer answer;

	(void)state;
	whole(openai, &answer,
	    "{'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':null,'tool_calls':["
	    "{'id':'a','function':{'name':'exec','arguments':'{\\'x\\':1}'}},"
	    "{'id':'b','function':{'name':'exec','arguments':'{\\'x\\':2}'}}"
	    "]},'finish_reason':'tool_calls'}],'usage':null}");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_json(answer.calls, two_calls);
	assert_int_equal(answer.input, -1);
	assert_int_equal(answer.output, -1);
	answer_free(&answer);
	whole(openai, &answer,
	    "{'choices':[{'message':{'content':'x','function_call':"
	    "{'name':'exec','arguments':'{}'}}}]}");
	assert_int_equal(answer.error, ANSWER_OK);
	assert_int_equal(json_length(answer.calls), 1);
	assert_string_equal(answer.text.data, "x");
	answer_free(&answer);
	whole(openai, &answer, "{'choices':[]}");
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	answer_free(&answer);
	whole(openai, &answer, "<html>");
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	answer_free(&answer);
}

static void
assert_ends(const char *events, enum answer_error error, const char *words)
{
	struct answer answer;

	stream(openai, &answer, events);
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
	assert_ends("{'choices':[{'delta':{'content':'half'}}]}", ANSWER_CUT,
	    "broke off");
	assert_ends("", ANSWER_CUT, "broke off");
	assert_ends("[DONE]", ANSWER_EMPTY, "empty");
	assert_ends("{'choices':[{'delta':{'content':'\\n'},"
		    "'finish_reason':'stop'}]}",
	    ANSWER_EMPTY, "empty");
	assert_ends("{'choices':[{'delta':{'reasoning_content':'hm'},"
		    "'finish_reason':'length'}]}",
	    ANSWER_EMPTY, "output limit");
	assert_ends("{'choices':[{'delta':{},'finish_reason':"
		    "'content_filter'}]}",
	    ANSWER_BLOCKED, "content_filter");
	assert_ends("{'choices':[{'delta'", ANSWER_MALFORMED, "JSON");
	assert_ends("{'error':{'message':'slow down','code':'429'}}",
	    ANSWER_RATE_LIMIT, "slow down");
	assert_ends(
	    "{'error':'model runner has stopped'}", ANSWER_SERVER, "runner");
	assert_ends("{'object':'error','message':'too big','code':400}",
	    ANSWER_BAD_REQUEST, "too big");
	/* half of a call must not be run */
	assert_ends("{'choices':[{'delta':{'tool_calls':[{'index':0,'id':'a',"
		    "'function':{'name':'exec','arguments':'{}'}}]}}]}",
	    ANSWER_CUT, "broke off");
}

static void
test_too_much_is_malformed(void **state)
{
	struct buf events = {0};
	struct answer answer;

	(void)state;
	for (int i = 0; i < 65; i++)
		buf_printf(&events,
		    "{'choices':[{'delta':{'tool_calls':[{'index':%d,"
		    "'function':{'name':'exec','arguments':'{}'}}]}}]}\n",
		    i);
	stream(openai, &answer, events.data);
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	answer_free(&answer);
	buf_clear(&events);
	for (int i = 0; i < 300; i++)
		buf_printf(&events,
		    "{'choices':[{'delta':{'tool_calls':[{'index':0,"
		    "'function':{'name':'exec','arguments':'%01000d'}}]}}]}\n",
		    0);
	stream(openai, &answer, events.data);
	assert_int_equal(answer.error, ANSWER_MALFORMED);
	assert_non_null(strstr(answer.message, "arguments"));
	answer_free(&answer);
	buf_free(&events);
}

static void
test_errors_by_status(void **state)
{
	(void)state;
	assert_failed(openai, 401, "{'error':{'message':'bad key'}}",
	    ANSWER_AUTH, "HTTP 401: bad key");
	assert_failed(openai, 402,
	    "{'error':{'message':'pay',"
	    "'type':'invalid_request_error'}}",
	    ANSWER_BILLING, "pay");
	assert_failed(
	    openai, 403, "{'detail':'Forbidden'}", ANSWER_AUTH, "Forbidden");
	assert_failed(openai, 404,
	    "{'error':{'message':'model \\'x\\' not "
	    "found, try pulling it first'}}",
	    ANSWER_NOT_FOUND, "pulling");
	assert_failed(openai, 404, "404 page not found", ANSWER_NOT_FOUND,
	    "HTTP 404: 404 page not found");
	assert_failed(openai, 408, "{'error':{'message':'litellm.Timeout'}}",
	    ANSWER_TIMEOUT, "litellm.Timeout");
	assert_failed(openai, 413, "", ANSWER_TOO_LONG, "413");
	assert_failed(openai, 422,
	    "{'detail':[{'loc':['body'],'msg':'field required'}]}",
	    ANSWER_BAD_REQUEST, "field required");
	assert_failed(openai, 429,
	    "{'error':{'message':'slow down',"
	    "'code':'rate_limit_exceeded'}}",
	    ANSWER_RATE_LIMIT, "slow down");
	assert_failed(openai, 500, "{'error':'boom'}", ANSWER_SERVER, "boom");
	assert_failed(openai, 502,
	    "<html><head><title>502 Bad Gateway</title></head></html>",
	    ANSWER_SERVER, "HTTP 502: 502 Bad Gateway");
	assert_failed(
	    openai, 503, "<html>", ANSWER_OVERLOADED, "a page instead of JSON");
	assert_failed(openai, 529, "{}", ANSWER_OVERLOADED, "529");
	assert_failed(openai, 302, "", ANSWER_BAD_REQUEST, "302");
}

static void
test_errors_by_words(void **state)
{
	(void)state;
	assert_failed(openai, 429,
	    "{'error':{'message':'You exceeded your current quota',"
	    "'type':'insufficient_quota','code':'insufficient_quota'}}",
	    ANSWER_BILLING, "quota");
	assert_failed(openai, 400,
	    "{'error':{'message':'Budget has been exceeded! Current cost: 1',"
	    "'type':'budget_exceeded','code':'400'}}",
	    ANSWER_BILLING, "Budget");
	assert_failed(openai, 400,
	    "{'error':{'message':'This model\\u0027s maximum context length is "
	    "8192 tokens.','type':'invalid_request_error',"
	    "'code':'context_length_exceeded'}}",
	    ANSWER_TOO_LONG, "8192");
	assert_failed(openai, 400,
	    "{'error':{'message':'prompt is too long: 210000 tokens'}}",
	    ANSWER_TOO_LONG, "210000");
	assert_failed(openai, 500,
	    "{'error':{'message':'litellm.ContextWindowExceededError: x'}}",
	    ANSWER_TOO_LONG, "x");
	assert_failed(openai, 400,
	    "{'error':{'message':'/chat/completions: Invalid model name passed "
	    "in model=x','code':'400'}}",
	    ANSWER_NOT_FOUND, "Invalid model name");
	assert_failed(openai, 400,
	    "{'error':{'message':'nope','code':'model_not_found'}}",
	    ANSWER_NOT_FOUND, "model_not_found: nope");
	/* a limit on tokens a minute is not a request that is too long */
	assert_failed(openai, 429,
	    "{'error':{'message':'Request too large: reduce the length of the "
	    "messages','code':'rate_limit_exceeded'}}",
	    ANSWER_RATE_LIMIT, "Request too large");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_url_and_key),
	    cmocka_unit_test(test_body_of_a_first_question),
	    cmocka_unit_test(test_calls_and_results),
	    cmocka_unit_test(test_what_the_server_gave_with_a_call_goes_back),
	    cmocka_unit_test(test_images),
	    cmocka_unit_test(test_a_stream_of_text),
	    cmocka_unit_test(test_calls_in_pieces),
	    cmocka_unit_test(test_calls_that_share_an_index),
	    cmocka_unit_test(test_calls_without_an_index),
	    cmocka_unit_test(test_calls_that_repeat_themselves),
	    cmocka_unit_test(test_arguments_of_many_kinds),
	    cmocka_unit_test(test_an_odd_id_is_replaced_and_remembered),
	    cmocka_unit_test(test_an_id_that_was_there_before_is_replaced),
	    cmocka_unit_test(test_calls_written_as_text),
	    cmocka_unit_test(test_text_that_is_no_call_stays),
	    cmocka_unit_test(test_without_tools_no_text_is_a_call),
	    cmocka_unit_test(test_thinking_at_the_start_is_left_out),
	    cmocka_unit_test(test_whole_answers),
	    cmocka_unit_test(test_bad_ends),
	    cmocka_unit_test(test_too_much_is_malformed),
	    cmocka_unit_test(test_errors_by_status),
	    cmocka_unit_test(test_errors_by_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
