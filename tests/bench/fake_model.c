/*
 * A model that answers at once, or after a given time, for measuring: Gemini
 * and OpenAI's API on one port of the loopback.  Prints its port, and with -v
 * when each request came and was answered, in microseconds of the clock that
 * only goes forward; on SIGTERM it prints what it served.
 */
#include <inttypes.h>
#include <stdio.h>
#include "answers.h"
#include "serve.h"

struct model {
	struct serve serve; /* first: it is what the callbacks are given */
	struct answers answers;
	bool call_first, verbose;
	int64_t latency_us;
};

static void
say_when(const struct model *model, const char *what)
{
	if (!model->verbose)
		return;
	printf("%s %" PRId64 "\n", what, serve_now_us());
	fflush(stdout);
}

static void
answer(struct serve *serve, struct serve_connection *connection)
{
	say_when((struct model *)serve, "answered");
	serve_send(serve, connection);
}

static void
take_request(struct serve *serve, struct serve_connection *connection,
    const char *request)
{
	struct model *model = (struct model *)serve;
	const struct buf *chosen =
	    answers_choose(&model->answers, request, model->call_first);

	say_when(model, "asked");
	connection->answer = chosen->data;
	connection->length = chosen->length;
	connection->sent = 0;
	if (model->latency_us > 0)
		serve_later(
		    serve, connection, serve_now_us() + model->latency_us);
	else
		answer(serve, connection);
}

int
main(int argc, char **argv)
{
	struct model model = {
	    .serve = {.request = take_request, .due = answer}};
	const char *command = "df -h";
	int option, port = 0;

	log_init("fake_model");
	while ((option = getopt(argc, argv, "c:hl:p:v")) != -1)
		switch (option) {
		case 'c':
			model.call_first = true;
			command = optarg;
			break;
		case 'l': model.latency_us = serve_number(optarg) * 1000; break;
		case 'p': port = (int)serve_number(optarg); break;
		case 'v': model.verbose = true; break;
		case 'h':
			puts("fake_model [-v] [-c COMMAND] [-l LATENCY_MS] "
			     "[-p PORT]\n-c: first a call of exec, then a text"
			     "\n-v: print when requests come and are answered");
			return 0;
		default: usage_error("wrong usage");
		}
	answers_init(&model.answers, command);
	serve_open(&model.serve, port);
	serve_run(&model.serve);
	serve_close(&model.serve);
	answers_free(&model.answers);
	return 0;
}
