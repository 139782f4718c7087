#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runbook_parts.h"

/*
 * Whether a plain line is a command or prose.  "make sure that the pods are
 * fine", "time flies" and "which one is it?" begin with programs, too.  So a
 * plain line is a command only if all of this is so:
 * - its first word is a program and written in small letters;
 * - the word after it looks like an argument: an option, a word with one of
 *   / . = : < [ inside (but no number, and no abbreviation that ends in a
 *   dot), or a subcommand of a well-known program; or nothing follows, where
 *   the line stands alone below a heading;
 * - it does not end like a sentence, no word ends in a comma or a full stop,
 *   and none of the words is one that sentences are made of (is, the, and...).
 * A line that passes the first and fails another is doubtful if there is an
 * option, a path or a placeholder anywhere in it, else prose.
 */

enum {
	PROGRAM_NAME_MAX = 64, /* longer words are not looked up in PATH */
	WORD_MAX = 12,         /* longest in the list of sentence words */
};

static const char *const well_known[] = {"7z", "ansible", "ansible-playbook",
    "apt", "apt-get", "argocd", "awk", "aws", "az", "bash", "brew", "bun",
    "caddy", "cargo", "cat", "certbot", "cp", "crictl", "crontab", "ctr",
    "curl", "date", "dd", "deno", "df", "dig", "dmesg", "dnf", "docker",
    "docker-compose", "du", "find", "flux", "free", "fstrim", "gcloud", "gh",
    "git", "go", "grep", "gzip", "head", "helm", "helmfile", "hostnamectl",
    "htop", "iostat", "ip", "iptables", "java", "journalctl", "jq", "k0s",
    "k3s", "k9s", "kill", "kubeadm", "kubectl", "kubeseal", "kustomize", "ls",
    "lsblk", "lsof", "make", "mc", "microk8s", "minikube", "mkdir", "mongosh",
    "mount", "mv", "mysql", "mysqldump", "nerdctl", "netstat", "nft", "nginx",
    "nmcli", "node", "npm", "npx", "nslookup", "openclaw", "openssl", "pg_dump",
    "ping", "pip", "pip3", "pnpm", "podman", "ps", "psql", "python", "python3",
    "rclone", "redis-cli", "restic", "rsync", "ruby", "scp", "sed", "service",
    "sftp", "sh", "sort", "sqlite3", "ss", "ssh", "stat", "sudo", "systemctl",
    "tail", "talosctl", "tar", "terraform", "timedatectl", "tmux", "tofu",
    "top", "tree", "umount", "uname", "unzip", "uptime", "uv", "vault",
    "velero", "vmstat", "wc", "wget", "yarn", "yq", "zfs", "zip", "zpool",
    NULL};

/* A program and the words that are arguments of it beyond doubt. */
static const struct {
	const char *program;
	const char *const *word;
} subcommands[] = {
    {"kubectl", (const char *const[]){"annotate", "apply", "autoscale",
		    "config", "cordon", "create", "delete", "describe", "drain",
		    "edit", "exec", "explain", "get", "label", "logs", "patch",
		    "rollout", "run", "scale", "set", "taint", "top",
		    "uncordon", "version", "wait", NULL}},
    {"git",
	(const char *const[]){"add", "branch", "checkout", "clone", "commit",
	    "diff", "fetch", "log", "merge", "pull", "push", "rebase", "reset",
	    "show", "stash", "status", "submodule", "switch", "tag", NULL}},
    {"docker", (const char *const[]){"build", "compose", "container", "exec",
		   "image", "images", "info", "inspect", "kill", "logs",
		   "network", "ps", "pull", "push", "restart", "rm", "run",
		   "start", "stats", "stop", "system", "top", "volume", NULL}},
    {"helm", (const char *const[]){"get", "history", "install", "lint", "list",
		 "ls", "repo", "rollback", "search", "show", "status",
		 "template", "test", "uninstall", "upgrade", "version", NULL}},
    {"systemctl",
	(const char *const[]){"cat", "daemon-reload", "disable", "enable",
	    "is-active", "list-timers", "list-units", "reload", "restart",
	    "show", "start", "status", "stop", NULL}},
    {"make", (const char *const[]){"all", "check", "clean", "install", "lint",
		 "test", NULL}},
    {"npm", (const char *const[]){"audit", "ci", "install", "run", "start",
		"test", NULL}},
    {"terraform", (const char *const[]){"apply", "destroy", "init", "output",
		      "plan", "validate", NULL}},
    {"flux", (const char *const[]){"check", "get", "reconcile", "resume",
		 "suspend", NULL}},
    {"zpool", (const char *const[]){"iostat", "list", "scrub", "status", NULL}},
    {"zfs", (const char *const[]){"list", "snapshot", NULL}},
    {"ip", (const char *const[]){"addr", "link", "route", NULL}},
    {"apt-get", (const char *const[]){"install", "update", "upgrade", NULL}},
    {"apt",
	(const char *const[]){"install", "list", "update", "upgrade", NULL}},
    {"go", (const char *const[]){"build", "test", "vet", NULL}},
    {"cargo", (const char *const[]){"build", "run", "test", NULL}},
    {"openclaw",
	(const char *const[]){"ask", "config", "gateway", "runbook", NULL}},
};

static const char *const sentence_words[] = {"a", "after", "again", "always",
    "an", "and", "are", "as", "be", "because", "been", "before", "but", "by",
    "can", "carefully", "could", "did", "do", "does", "each", "every", "fail",
    "failed", "fails", "fine", "for", "goes", "had", "has", "have", "helps",
    "here", "how", "if", "instead", "into", "is", "it", "its", "just", "may",
    "might", "must", "my", "need", "needed", "needs", "never", "not", "of",
    "often", "once", "only", "or", "our", "please", "runs", "shall", "should",
    "so", "some", "sometimes", "still", "sure", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "until",
    "was", "we", "went", "were", "what", "when", "where", "whether", "which",
    "while", "who", "why", "will", "with", "without", "works", "would", "wrong",
    "you", "your", NULL};

/* Anywhere in a heading or label; and a "not" after one of the second list. */
static const char *const forbidding_words[] = {"never", "don't", "dont",
    "don\xe2\x80\x99t", "forbidden", "prohibited", NULL};
static const char *const not_after[] = {
    "", "do", "must", "should", "may", "can", NULL};
/* At the beginning of a label. */
static const char *const warning_words[] = {"avoid", "bad", "danger",
    "dangerous", "deprecated", "disabled", "fixme", "obsolete", "old", "todo",
    "wrong", NULL};

static bool
is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

static bool
in_path(const char *word, size_t length)
{
	const char *path = getenv("PATH"), *end;
	char file[4096];

	for (; path != NULL && *path != '\0'; path = *end ? end + 1 : end) {
		size_t n;

		end = path + strcspn(path, ":");
		n = (size_t)(end - path);
		if (*path != '/' || n + length + 2 > sizeof(file))
			continue;
		memcpy(file, path, n);
		file[n] = '/';
		memcpy(file + n + 1, word, length + 1);
		if (is_executable(file))
			return true;
	}
	return false;
}

/* /scripts/x.sh, which need not be on the machine that reads this. */
static bool
is_script(const char *path, size_t length)
{
	static const char *const endings[] = {
	    ".sh", ".py", ".js", ".mjs", ".pl", ".rb", NULL};

	for (size_t i = 0; endings[i] != NULL; i++) {
		size_t n = strlen(endings[i]);

		if (length > n + 1 &&
		    strcmp(path + length - n, endings[i]) == 0)
			return path[length - n - 1] != '/';
	}
	return false;
}

bool
runbook_is_program(const char *word)
{
	size_t length = strlen(word);

	if (length == 0 || strpbrk(word, " \t\n=") != NULL)
		return false;
	if (strchr(word, '/') != NULL)
		return word[0] == '/' &&
		       (is_script(word, length) || is_executable(word));
	if (length > PROGRAM_NAME_MAX)
		return false;
	return runbook_in_list(well_known, word, length) ||
	       in_path(word, length);
}

static size_t
first_word(const char *line, char word[PROGRAM_NAME_MAX * 4])
{
	size_t n = strcspn(line, " \t");

	if (n >= (size_t)PROGRAM_NAME_MAX * 4)
		return 0;
	memcpy(word, line, n);
	word[n] = '\0';
	return n;
}

bool
runbook_begins_with_program(
    const char *line, bool (*is_program)(const char *word))
{
	char word[PROGRAM_NAME_MAX * 4];
	size_t n = first_word(line, word);

	if (n == 0 || word[strspn(word, "/.")] == '\0')
		return false;
	if (word[0] == '/' || strncmp(word, "./", 2) == 0 ||
	    strncmp(word, "../", 3) == 0)
		return word[n - 1] != '/';
	return is_program(word);
}

static bool
is_number(const char *word, size_t length)
{
	size_t dots = 0;

	for (size_t i = 0; i < length; i++) {
		if (word[i] == '.')
			dots++;
		if (!isdigit((unsigned char)word[i]) &&
		    strchr(".:,%-", word[i]) == NULL &&
		    !(i == 0 && word[i] == 'v'))
			return false;
	}
	return dots != 3; /* 10.0.0.7 is an address */
}

static bool
is_subcommand(const char *program, const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++)
		if (strcmp(subcommands[i].program, program) == 0)
			return runbook_in_list(
			    subcommands[i].word, word, length);
	return false;
}

static bool
looks_like_argument(const char *program, const char *word, size_t length)
{
	if (length == 0)
		return false;
	if (length > 1 && word[0] == '-')
		return isalnum((unsigned char)word[1]) ||
		       (length > 2 && isalnum((unsigned char)word[2]));
	if (is_subcommand(program, word, length))
		return true;
	if (is_number(word, length))
		return false;
	if (length <= 2 && memcmp(word, "..", length) == 0)
		return true;
	if (length > 3 && memcmp(word + length - 3, "...", 3) == 0)
		return word[0] == '<' || word[0] == '[';
	/* "e.g." and "note:" end in theirs; "and/or" is a word */
	if (strchr(".:,", word[length - 1]) != NULL ||
	    runbook_in_list(
		(const char *const[]){"and/or", NULL}, word, length))
		return false;
	for (size_t i = 0; i < length; i++)
		if (strchr("/.=:<[", word[i]) != NULL)
			return true;
	return false;
}

static bool
is_sentence_word(const char *word, size_t length)
{
	char small[WORD_MAX + 1];

	if (length == 0 || length > WORD_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		small[i] = (char)tolower((unsigned char)word[i]);
	return runbook_in_list(sentence_words, small, length);
}

static bool
ends_like_a_sentence(const char *word, size_t length)
{
	if (length >= 3 && memcmp(word + length - 3, "...", 3) == 0)
		return false;
	if (length <= 2 && memcmp(word, "..", length) == 0)
		return false;
	return strchr(".,:;!?", word[length - 1]) != NULL;
}

/* Whether the words behind the program are those of a sentence. */
static bool
reads_like_a_sentence(const char *rest)
{
	char quote = '\0';

	while (*rest != '\0') {
		size_t n;

		rest += strspn(rest, " \t");
		n = strcspn(rest, " \t");
		if (n == 0 || (quote == '\0' && *rest == '#'))
			break;
		if (quote == '\0' &&
		    (is_sentence_word(rest, n) ||
			ends_like_a_sentence(rest, n) ||
			(n == 3 && memcmp(rest, "\xe2\x80\x94", 3) == 0)))
			return true;
		/* inside of quotes anything may stand */
		for (size_t i = 0; i < n; i++)
			if (quote != '\0')
				quote = rest[i] == quote ? '\0' : quote;
			else if (rest[i] == '"' || rest[i] == '\'')
				quote = rest[i];
		rest += n;
	}
	return false;
}

/* Whether a later word has the form of an option, a path or a placeholder. */
static bool
has_later_argument(const char *rest)
{
	while (*rest != '\0') {
		size_t n = strcspn(rest, " \t");

		if (n > 1 &&
		    (rest[0] == '/' || rest[0] == '<' ||
			(rest[0] == '-' && isalnum((unsigned char)rest[1])) ||
			(n > 2 && memcmp(rest, "--", 2) == 0)))
			return true;
		rest += n;
		rest += strspn(rest, " \t");
	}
	return false;
}

enum runbook_plain
runbook_plain(const char *line, bool alone,
    bool (*is_program)(const char *word), const char **why)
{
	char program[PROGRAM_NAME_MAX * 4];
	size_t n = first_word(line, program);
	const char *rest = line + n + strspn(line + n, " \t");
	size_t second = strcspn(rest, " \t");
	bool evident;

	if (n == 0 ||
	    !(islower((unsigned char)program[0]) ||
		isdigit((unsigned char)program[0]) || program[0] == '/'))
		return RUNBOOK_PLAIN_PROSE;
	evident = looks_like_argument(program, rest, second);
	if ((second != 0 && !evident && !has_later_argument(rest)) ||
	    !is_program(program))
		return RUNBOOK_PLAIN_PROSE;
	if (second == 0) {
		*why = "a single word could be prose: put it into a code "
		       "block";
		return alone ? RUNBOOK_PLAIN_COMMAND : RUNBOOK_PLAIN_DOUBTFUL;
	}
	if (!evident || reads_like_a_sentence(rest)) {
		*why = "it reads like a sentence: put it into a code block";
		return RUNBOOK_PLAIN_DOUBTFUL;
	}
	return RUNBOOK_PLAIN_COMMAND;
}

bool
runbook_forbids(const char *text, bool label)
{
	char word[WORD_MAX + 1], before[WORD_MAX + 1] = "";
	bool first = true;

	while (*text != '\0') {
		size_t length = strcspn(text, " \t,.:;!?()*_\""), n = 0;

		for (; n < length && n < WORD_MAX; n++)
			word[n] = (char)tolower((unsigned char)text[n]);
		word[n] = '\0';
		text += length;
		text += *text != '\0';
		if (n == 0)
			continue;
		if (runbook_in_list(forbidding_words, word, n) ||
		    (label && first &&
			runbook_in_list(warning_words, word, n)) ||
		    (strcmp(word, "not") == 0 &&
			runbook_in_list(not_after, before, strlen(before))))
			return true;
		memcpy(before, word, sizeof(before));
		first = false;
	}
	return false;
}
