#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "launch.h"
#include "log.h"
#include "process.h"
#include "xalloc.h"

enum {
	BROWSER_IN = 3, /* the descriptors that the browser expects */
	BROWSER_OUT = 4,
	GRACE_MS = 1000, /* for it to end by itself when its pipe is closed */
	KILL_MS = 5000,
	ROUND_MS = 20,
	ARGUMENTS_MAX = 200,
	COMMAND_LINE_MAX = 64 * 1024,
};

/* What makes a browser quiet, and fit for a program. */
static const char *const flags[] = {"--headless", "--remote-debugging-pipe",
    "--disable-gpu", "--disable-quic", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-breakpad",
    "--disable-crash-reporter", "--disable-extensions",
    "--disable-default-apps", "--disable-domain-reliability",
    "--disable-client-side-phishing-detection", "--disable-dev-shm-usage",
    "--disable-popup-blocking", "--disable-prompt-on-repost",
    "--disable-hang-monitor", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--disable-ipc-flooding-protection", "--disable-back-forward-cache",
    "--metrics-recording-only", "--mute-audio", "--no-pings",
    "--password-store=basic", "--use-mock-keychain",
    "--disable-features=MediaRouter,OptimizationHints,Translate,"
    "DialMediaRouteProvider,AutofillServerCommunication,"
    "PrivacySandboxSettings4,OptimizationGuideModelDownloading",
    /*
     * Nothing goes anywhere but through the proxy of its session: no name is
     * resolved here, and no packet of WebRTC goes past it.
     */
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp", "about:blank"};

/* ---- its directory */

static char *
base_directory(void)
{
	const char *base = getenv("TMPDIR");

	return xasprintf("%s/oc-cdp-%ld",
	    base != NULL && *base == '/' ? base : "/tmp", (long)getuid());
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

static void
remove_tree(const char *path)
{
	enum { OPEN_MAX = 16 };

	nftw(path, remove_one, OPEN_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* The base, ours and nobody else's; false with errno set. */
static bool
make_base(const char *base)
{
	struct stat st;

	if (mkdir(base, 0700) != 0 && errno != EEXIST)
		return false;
	if (lstat(base, &st) != 0)
		return false;
	errno = EPERM;
	return S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
	       (st.st_mode & 077) == 0;
}

/* Takes the lock of a browser's directory: a descriptor, or -1. */
static int
lock_directory(const char *directory)
{
	char *path = xasprintf("%s/lock", directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(path);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void
launch_clean(void)
{
	char *base = base_directory(), *path;
	DIR *directory = make_base(base) ? opendir(base) : NULL;
	struct dirent *entry;
	int lock;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", base, entry->d_name);
		lock = lock_directory(path);
		if (lock >= 0) {
			remove_tree(path);
			close(lock);
		}
		free(path);
	}
	if (directory != NULL)
		closedir(directory);
	free(base);
}

static bool
make_directory(struct launch *launch, struct buf *problem)
{
	char *base = base_directory();

	launch->directory = xasprintf("%s/XXXXXX", base);
	if (!make_base(base) || mkdtemp(launch->directory) == NULL ||
	    (launch->lock = lock_directory(launch->directory)) < 0) {
		buf_printf(problem,
		    "no directory for the browser's profile can be made in "
		    "%s: %s; TMPDIR can name another place",
		    base, strerror(errno));
		free(launch->directory);
		launch->directory = NULL;
	}
	free(base);
	return launch->directory != NULL;
}

/* ---- the process */

/* The command's words, then ours; each is freed by free_arguments. */
static char **
make_arguments(jv ref_command, const char *directory)
{
	char **argv = xcalloc(ARGUMENTS_MAX + 1, sizeof *argv);
	size_t count = 0;

	for (int i = 0, n = json_length(ref_command);
	     i < n && count < ARGUMENTS_MAX / 2; i++) {
		jv word = json_at(ref_command, i);

		argv[count++] = xstrdup(json_as_string(word, ""));
		jv_free(word);
	}
	argv[count++] = xasprintf("--user-data-dir=%s/profile", directory);
	if (geteuid() == 0)
		argv[count++] = xstrdup("--no-sandbox");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		argv[count++] = xstrdup(flags[i]);
	return argv;
}

static void
free_arguments(char **argv)
{
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}

/* In the child: only what it may have, then the browser. */
static _Noreturn void
become(char **argv, pid_t parent, const char *directory, int in, int out,
    int said, int report)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), error;
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	in = fcntl(in, F_DUPFD_CLOEXEC, 10);
	out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	said = fcntl(said, F_DUPFD_CLOEXEC, 10);
	report = fcntl(report, F_DUPFD_CLOEXEC, 10);
	if (getppid() != parent || null < 0 || dup2(null, 0) < 0 ||
	    dup2(null, 1) < 0 || dup2(said, 2) < 0 ||
	    dup2(in, BROWSER_IN) < 0 || dup2(out, BROWSER_OUT) < 0)
		_exit(71);
	setenv("HOME", directory, 1);
	setenv("TMPDIR", directory, 1);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("DISPLAY");
	execvp(argv[0], argv);
	error = errno;
	(void)io_write_all(report, &error, sizeof error);
	_exit(127);
}

/* Whether it could be run, by what the child reports before its end. */
static bool
has_started(int report, const char *program, struct buf *problem)
{
	struct buf answer = {0};
	int error = 0;

	while (buf_read(&answer, report, 64) > 0)
		continue;
	if (answer.length >= sizeof error) {
		memcpy(&error, answer.data, sizeof error);
		buf_printf(problem,
		    "cannot run %s: %s; browser.command names "
		    "the browser's own program",
		    program, strerror(error));
	}
	buf_free(&answer);
	return error == 0;
}

bool
launch_start(struct launch *launch, jv ref_command, struct buf *problem)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, said[2] = {-1, -1},
	    report[2] = {-1, -1};
	pid_t parent = getpid();
	bool started = false;
	char **argv;

	*launch = (struct launch){.in = -1, .out = -1, .said = -1, .lock = -1};
	if (!make_directory(launch, problem))
		return false;
	argv = make_arguments(ref_command, launch->directory);
	if (pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0 &&
	    pipe2(said, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0)
		launch->pid = fork();
	else
		launch->pid = -1;
	if (launch->pid == 0)
		become(argv, parent, launch->directory, to[0], from[1], said[1],
		    report[1]);
	close(to[0]);
	close(from[1]);
	close(said[1]);
	close(report[1]);
	if (launch->pid > 0)
		started = has_started(report[0], argv[0], problem);
	else
		buf_printf(problem, "no process can be started now: %s",
		    strerror(errno));
	close(report[0]);
	free_arguments(argv);
	launch->in = from[0];
	launch->out = to[1];
	launch->said = said[0];
	if (launch->said >= 0)
		io_set_nonblocking(launch->said, true);
	if (!started)
		launch_end(launch, false);
	return started;
}

/* Buries what has ended of it; whether something still lives. */
static bool
is_left(const struct launch *launch)
{
	struct pids pids = {0};
	/* its profile, or the database of its crash handlers */
	char *mark = xasprintf("=%s/", launch->directory);
	bool left = false;

	while (waitpid(-launch->pid, NULL, WNOHANG) > 0)
		continue;
	left = kill(-launch->pid, 0) == 0;
	/* what left the group, and came to us because its parent ended */
	process_descendants(getpid(), &pids);
	for (size_t i = 0; i < pids.count; i++) {
		char *path = xasprintf("/proc/%ld/cmdline", (long)pids.pid[i]);
		struct buf text = {0};

		if (waitpid(pids.pid[i], NULL, WNOHANG) == 0 &&
		    io_read_file(AT_FDCWD, path, COMMAND_LINE_MAX, &text) &&
		    memmem(text.data, text.length, mark, strlen(mark)) !=
			NULL) {
			kill(pids.pid[i], SIGKILL);
			left = true;
		}
		buf_free(&text);
		free(path);
	}
	free(mark);
	pids_free(&pids);
	return left;
}

void
launch_end(struct launch *launch, bool gently)
{
	int64_t now = clock_mono_ms(), until = now + KILL_MS;
	int64_t gentle = gently ? now + GRACE_MS : now;

	if (launch->in >= 0)
		close(launch->in);
	if (launch->out >= 0)
		close(launch->out);
	if (launch->said >= 0)
		close(launch->said);
	launch->in = launch->out = launch->said = -1;
	while (launch->pid > 0 && clock_mono_ms() < until && is_left(launch)) {
		if (clock_mono_ms() >= gentle)
			kill(-launch->pid, SIGKILL);
		usleep(ROUND_MS * 1000);
	}
	if (launch->pid > 0 && is_left(launch))
		log_warn("the browser, process %ld, could not be ended",
		    (long)launch->pid);
	launch->pid = 0;
	if (launch->directory != NULL)
		remove_tree(launch->directory);
	if (launch->lock >= 0)
		close(launch->lock);
	free(launch->directory);
	*launch = (struct launch){.in = -1, .out = -1, .said = -1, .lock = -1};
}

char *
launch_find(void)
{
	static const char *const usual[] = {
	    "/usr/lib/chromium/chromium-headless-shell",
	    "/usr/bin/chromium-headless-shell", "/usr/lib/chromium/chromium",
	    "/usr/lib/chromium-browser/chromium-browser",
	    "/opt/google/chrome/chrome", "/usr/bin/chromium-browser"};

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (access(usual[i], X_OK) == 0)
			return xstrdup(usual[i]);
	return NULL;
}
