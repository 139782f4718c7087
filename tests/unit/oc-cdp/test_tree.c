#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "json.h"
#include "tree.h"

static int64_t
give(void *arg, int64_t backend)
{
	(void)arg;
	return backend;
}

static bool
make(const char *nodes, size_t most, struct buf *out)
{
	struct tree_options options = {.most = most, .reference = give};
	jv list = json_parse(nodes, strlen(nodes), NULL);
	bool whole;

	assert_true(json_is_valid(list));
	whole = tree_text(out, list, &options);
	jv_free(list);
	return whole;
}

static void
assert_tree(const char *nodes, const char *want)
{
	struct buf out = {0};

	assert_true(make(nodes, 10000, &out));
	assert_string_equal(buf_string(&out), want);
	buf_free(&out);
}

#define ROLE(role)   "\"role\":{\"value\":\"" role "\"}"
#define NAME(name)   ",\"name\":{\"value\":\"" name "\"}"
#define NODE(id, up) "{\"nodeId\":\"" id "\",\"parentId\":\"" up "\","
#define ROOT(kids) \
	"{\"nodeId\":\"1\"," ROLE("RootWebArea") ",\"childIds\":[" kids "]},"

static void
test_roles_names_and_references(void **state)
{
	(void)state;
	assert_tree(
	    "[" ROOT("\"2\",\"3\",\"4\",\"6\"") NODE("2", "1") ROLE("heading") NAME(
		"A \\\"b\\\"") ",\"properties\":[{\"name\":\"level\",\"value\":"
			       "{\"value\":2}}]}," NODE("3", "1") ROLE("textbo"
								       "x")
				   NAME(
				       "Name") ",\"backendDOMNodeId\":9,"
					       "\"value\":{"
					       "\"value\":\"x\"},"
					       "\"properties\":[{\"name\":"
					       "\"required\",\"value\":"
					       "{\"value\":true}}]}," NODE(
						   "4", "1") ROLE("link")
						   NAME(
						       "Home") ",\"backendDOMNo"
							       "deI"
							       "d\":11,"
							       "\"childIds\":["
							       "\"5\"]}," NODE("5", "4") ROLE(
								   "StaticTex"
								   "t") NAME("H"
									     "o"
									     "m"
									     "e") "}," NODE("6",
								   "1") ROLE("g"
									     "e"
									     "n"
									     "e"
									     "r"
									     "i"
									     "c") ",\"childIds\":[\"7\"]}," NODE("7",
								   "6") ROLE("S"
									     "t"
									     "a"
									     "t"
									     "i"
									     "c"
									     "T"
									     "e"
									     "x"
									     "t")
								   NAME(
								       " s"
								       "om"
								       "e "
								       "\\"
								       "n "
								       "te"
								       "xt"
								       " ") "}"
									    "]",
	    "- heading \"A 'b'\" level 2\n"
	    "- textbox \"Name\" [e9] required value \"x\"\n"
	    "- link \"Home\" [e11]\n"
	    "- text: some text \n");
}

static void
test_what_is_ignored_shows_its_children(void **state)
{
	(void)state;
	assert_tree(
	    "[" ROOT("\"2\"") NODE("2", "1") ROLE(
		"button") ",\"ignored\":true,\"childIds\":[\"3\"]}," NODE("3",
		"2") ROLE("list") ",\"childIds\":[\"4\"]}," NODE("4", "3")
		ROLE("StaticText") NAME("in") "}]",
	    "- list\n  - text: in\n");
}

static void
test_lies(void **state)
{
	(void)state;
	assert_tree("[]", "");
	assert_tree("{}", "");
	assert_tree("[1,null,{},{\"nodeId\":7},{\"role\":3}]", "");
	/* a ring, and a node that is its own child */
	assert_tree("[" ROOT("\"2\",\"1\",\"9\"") NODE("2", "1") ROLE(
			"list") ",\"childIds\":[\"2\",\"3\"]}," NODE("3", "2")
			ROLE("list") ",\"childIds\":[\"2\"]}]",
	    "- list\n  - list\n");
}

static void
test_no_longer_than_asked_for(void **state)
{
	struct buf out = {0};

	(void)state;
	assert_false(make("[" ROOT("\"2\",\"3\"") NODE("2", "1") ROLE(
			      "StaticText") NAME("first") "}," NODE("3", "1")
			      ROLE("StaticText") NAME("second") "}]",
	    16, &out));
	assert_string_equal(buf_string(&out), "- text: first\n");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_roles_names_and_references),
	    cmocka_unit_test(test_what_is_ignored_shows_its_children),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_no_longer_than_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
