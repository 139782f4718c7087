#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "event.h"
#include "io.h"
#include "json.h"
#include "state.h"
#include "turn.h"

void
event_write(jv ref_turn, const char *event, jv own_details)
{
	char *name = state_name(turn_id(ref_turn));
	char *path = state_path("turns/%s/events.ndjson", name);
	struct buf line = {0};
	int fd = -1;

	if (path != NULL)
		fd =
		    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		own_details = json_set_int(own_details, "at", clock_now_ms());
		own_details = json_set_string(own_details, "event", event);
		json_write(&line, own_details);
		buf_add_byte(&line, '\n');
		/* progress is best effort: a full disk must not end a turn */
		(void)io_write_all(fd, line.data, line.length);
		close(fd);
	}
	buf_free(&line);
	jv_free(own_details);
	free(path);
	free(name);
}

bool
event_read(struct event_reader *reader, int directory, const char *path,
    void (*each)(jv ref_event, void *arg), void *arg)
{
	struct record_reader *records = &reader->records;
	struct record record;

	if (!reader->open) {
		int fd =
		    openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0)
			return false;
		record_reader_init(records, fd, "events");
		reader->open = true;
	}
	/* the file grows: its end now is not its end */
	while (record_fill(records) && !records->ended)
		;
	records->ended = false;
	while (record_next(records, &record) == RECORD_OK) {
		each(record.value, arg);
		record_free(&record);
	}
	/* thousands may be followed, and most of them are silent */
	if (records->consumed == records->buf.length) {
		buf_free(&records->buf);
		records->consumed = records->scanned = 0;
	}
	return true;
}

void
event_reader_free(struct event_reader *reader)
{
	if (reader->open) {
		close(reader->records.fd);
		record_reader_free(&reader->records);
	}
	*reader = (struct event_reader){.open = false};
}
