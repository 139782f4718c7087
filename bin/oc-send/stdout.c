#include <string.h>
#include <unistd.h>
#include "buf.h"
#include "channel.h"
#include "io.h"
#include "json.h"
#include "utf8.h"

static void
add_media(struct buf *out, jv ref_reply)
{
	jv media = json_get(ref_reply, "media");

	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		buf_printf(
		    out, "[file] %s\n", json_get_string(one, "path", ""));
		jv_free(one);
	}
	jv_free(media);
}

void
send_stdout(jv ref_turn)
{
	struct buf out = {0}, plain = {0};
	jv reply = json_get(ref_turn, "reply");
	const char *text = json_as_string(reply, NULL);

	if (text == NULL)
		text = json_get_string(reply, "text", "");
	buf_add_string(&out, text);
	if (out.length == 0 || out.data[out.length - 1] != '\n')
		buf_add_byte(&out, '\n');
	add_media(&out, reply);
	if (isatty(STDOUT_FILENO)) {
		utf8_plain(&plain, out.data, out.length);
		io_write_stdout(plain.data, plain.length);
	} else {
		io_write_stdout(out.data, out.length);
	}
	jv_free(reply);
	buf_free(&out);
	buf_free(&plain);
}
