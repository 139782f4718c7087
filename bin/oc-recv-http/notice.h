#ifndef OC_RECV_HTTP_NOTICE_H
#define OC_RECV_HTTP_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What changes in directories, by inotify in the event loop.  It does not see
 * what another machine does to a shared file system, and may be out of
 * watches: whoever uses it looks now and then by itself, too.
 */
struct event_base;
struct notice;

/*
 * `seen` is called with the watch, the mask, and the name in the directory
 * ("" for the directory itself); with watch -1 when changes were lost, and
 * everything is to be looked at.
 */
struct notice *notice_new(struct event_base *base,
    void (*seen)(void *arg, int watch, uint32_t mask, const char *name),
    void *arg);
void notice_free(struct notice *notice);

/* A watch, or -1. */
int notice_add(struct notice *notice, const char *path, uint32_t mask);
void notice_remove(struct notice *notice, int watch);

#endif
