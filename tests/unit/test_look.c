#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runbook.h"
#include "words.h"

static bool
permits(const char *line, const char **reason)
{
	struct words words;
	const char *error;
	bool permitted;

	if (!words_split(line, &words, &error))
		fail_msg("%s: %s", line, error);
	permitted = look_permits(words.word, words.count, reason);
	words_free(&words);
	return permitted;
}

static void
assert_looks(const char *const *lines)
{
	const char *reason;

	for (; *lines != NULL; lines++)
		if (!permits(*lines, &reason))
			fail_msg("%s: %s", *lines, reason ? reason : "unknown");
}

/* Refused, with a reason because the program is on the list. */
static void
assert_refused(const char *const *lines)
{
	const char *reason;

	for (; *lines != NULL; lines++) {
		if (permits(*lines, &reason))
			fail_msg("%s is permitted", *lines);
		if (reason == NULL || *reason == '\0')
			fail_msg("%s: no reason", *lines);
	}
}

/* What is run for a line, joined. */
static void
assert_arguments(const char *line, const char *expected)
{
	struct words words;
	const char *error;
	char **argv, *joined;
	size_t count = 0;

	assert_true(words_split(line, &words, &error));
	argv = look_arguments(words.word, words.count);
	while (argv[count] != NULL)
		count++;
	joined = words_join(argv, count);
	assert_string_equal(joined, expected);
	free(joined);
	look_arguments_free(argv);
	words_free(&words);
}

static void
kubectl_looks(void **state)
{
	static const char *const lines[] = {"kubectl get pods",
	    "kubectl get jobs -n zinfra -l app=gigs-tailor",
	    "kubectl -n zinfra get pods", "kubectl get pods -A -o wide",
	    "kubectl get pods -nzinfra -ojson", "kubectl get pods -o=yaml",
	    "kubectl get pods --all-namespaces --output=name",
	    "kubectl get pod x -o 'jsonpath={.status.phase}'",
	    "kubectl get po -o custom-columns=N:.metadata.name --no-headers",
	    "kubectl get pods --sort-by=.metadata.name --show-labels",
	    "kubectl get pods --field-selector spec.nodeName=worker2",
	    "kubectl get deploy,svc,cm", "kubectl get pods/x deploy/y",
	    "kubectl get pods secret-rotator-7f",
	    "kubectl logs secret-rotator-7f", "kubectl logs deploy/secret-x",
	    "kubectl logs x -c app --tail=50 --since 1h -p --timestamps",
	    "kubectl logs x --tail -1 --limit-bytes=1000",
	    "kubectl logs -l app=x --all-containers --prefix",
	    "kubectl describe node worker2", "kubectl describe pod/x -n y",
	    "kubectl top pods --containers", "kubectl top node worker2",
	    "kubectl top pods --sort-by=memory -A --sum",
	    "kubectl version --client", "kubectl version -o json",
	    "kubectl explain pod.spec --recursive", NULL};

	(void)state;
	assert_looks(lines);
}

static void
kubectl_never_looks_at_secrets(void **state)
{
	static const char *const lines[] = {"kubectl get secret",
	    "kubectl get secrets", "kubectl get SECRETS",
	    "kubectl get Secret x", "kubectl get secret/x",
	    "kubectl get secrets.v1.", "kubectl get secrets.v1./x",
	    "kubectl get pods,secrets", "kubectl get pods,Secrets,svc -A",
	    "kubectl get '' secrets", "kubectl get -A secrets",
	    "kubectl -n x get secrets", "kubectl get pods/x secrets/y",
	    "kubectl get pods/a,secrets/b", "kubectl get sealedsecrets",
	    "kubectl get externalsecrets.external-secrets.io",
	    "kubectl describe secret x", "kubectl describe secrets",
	    "kubectl describe secret/x", "kubectl explain secret",
	    "kubectl logs secret/x",
	    "kubectl get '\xc5\xbf"
	    "ecrets'",
	    "kubectl get -o json secret", "kubectl get -ojson secret",
	    "kubectl get --show-labels secret",
	    "kubectl get --no-headers secret x", NULL};

	(void)state;
	assert_refused(lines);
}

static void
kubectl_does_nothing_else(void **state)
{
	static const char *const lines[] = {"kubectl", "kubectl delete pod x",
	    "kubectl apply -f x", "kubectl exec x -- sh", "kubectl edit pod x",
	    "kubectl create job x", "kubectl config view --raw",
	    "kubectl cp x:/a b", "kubectl get -f x.yaml",
	    "kubectl get --filename=x", "kubectl get --filename x",
	    "kubectl get --raw /api/v1/secrets", "kubectl get --raw=/api",
	    "kubectl get pods --kubeconfig=/x",
	    "kubectl get pods --kubeconfig x", "kubectl get pods --as=admin",
	    "kubectl get pods --as admin", "kubectl get pods --token=x",
	    "kubectl get pods --server=x", "kubectl get pods -s x",
	    "kubectl get pods -sx", "kubectl get pods --context=x",
	    "kubectl get pods -w", "kubectl get pods --watch",
	    "kubectl get pods --watch=true", "kubectl logs -f x",
	    "kubectl logs x --follow",
	    "kubectl get pods -o jsonpath-file=/etc/passwd",
	    "kubectl get pods -o custom-columns-file=x",
	    "kubectl get pods -o go-template-file=x",
	    "kubectl get pods --template=x", "kubectl get pods -o",
	    "kubectl get -k x", "kubectl get pods -- x", "kubectl get -",
	    "kubectl get pods -Aw", "kubectl get pods -v=9",
	    "kubectl --token x get pods", "kubectl get pods --no-such",
	    "kubectl get pods -A=false", NULL};

	(void)state;
	assert_refused(lines);
}

static void
small_ones_look(void **state)
{
	static const char *const lines[] = {"df", "df -h", "df -hT /mnt/nfs",
	    "df --human-readable --total", "df -i", "df --output=source,pcent",
	    "df -x tmpfs -xoverlay", "free", "free -m", "free -hw",
	    "free --mega", "uptime", "uptime -p", "uptime --since", "date",
	    "date -u", "date '+%F %T'", "date -d tomorrow +%F",
	    "date --date=yesterday", "date -Iseconds", "date -R",
	    "date --iso-8601=ns", NULL};

	(void)state;
	assert_looks(lines);
}

static void
small_ones_change_nothing(void **state)
{
	static const char *const lines[] = {"date -s x", "date --set=x",
	    "date --set x", "date -us x", "date 010203042026", "date -f x",
	    "date --file=x", "date -r x", "date -sx", "date --se=x",
	    "date -- 010203042026", "free -s 1", "free -ms 1",
	    "free --seconds=1", "free -c 3", "free x", "uptime x", "uptime -x",
	    "df --sync", "df --no-such", "df -h --", NULL};

	(void)state;
	assert_refused(lines);
}

static void
ps_looks(void **state)
{
	static const char *const lines[] = {"ps", "ps aux", "ps ax", "ps auxf",
	    "ps auxww", "ps -ef", "ps -e", "ps -A", "ps -ef --forest",
	    "ps -aux", "ps aux --sort=-%mem", "ps aux --sort -%cpu,pid",
	    "ps -u root", "ps -p 1,2",
	    "ps -p1 -o pid=,comm=", "ps -eo pid,user:20,args",
	    "ps -e -o pid,ppid,cmd,%mem,%cpu --sort=-%mem", "ps -eopid,comm",
	    "ps --no-headers -A", "ps --pid 1", "ps -eLf", NULL};

	(void)state;
	assert_looks(lines);
}

static void
ps_shows_no_environment(void **state)
{
	static const char *const lines[] = {"ps e", "ps auxe", "ps eaux",
	    "ps aux e", "ps -ef e", "ps -o environ", "ps -eo pid,environ",
	    "ps -o pid:5,environ:9",
	    "ps -o pid,environ=", "ps --format=environ", "ps o environ",
	    "ps axo environ", "ps -O environ", "ps --sort=environ", "ps -u",
	    "ps -o", "ps 'aux e'", "ps -p x", "ps -C node", "ps 1",
	    "ps --no-such", "ps -u -e", "ps ''", "ps -oenviron", "ps E", NULL};

	(void)state;
	assert_refused(lines);
}

static void
ps_is_not_read_as_bsd(void **state)
{
	(void)state;
	assert_arguments("ps aux", "ps aux");
	assert_arguments("ps -aux", "ps aux");
	assert_arguments("ps -ef", "ps -Af");
	assert_arguments("ps -e -u ef", "ps -A --user=ef");
	assert_arguments("ps -ueef", "ps --user=eef");
	assert_arguments("ps -eo pid,time", "ps -A --format=pid,time");
	assert_arguments("ps -eopid -p1", "ps -A --format=pid --pid=1");
	assert_arguments(
	    "ps --sort -%mem --no-headers", "ps --sort=-%mem --no-headers");
	assert_arguments("ps --user=eve", "ps --user=eve");
}

static void
git_looks(void **state)
{
	static const char *const lines[] = {"git status", "git status -sb",
	    "git status --porcelain=v2", "git --no-pager log",
	    "git log --oneline -5", "git log -n 3 --stat", "git log -n3 -p",
	    "git log main..topic -- lib/x.c", "git log --since=yesterday",
	    "git log --grep x -i --all --graph", "git log -S foo --name-only",
	    "git log --pretty=oneline", "git log '--format=%h %s'",
	    "git log --pretty=format:%h", "git diff", "git diff --cached",
	    "git diff HEAD~1 HEAD -- a b", "git diff --stat=80 -w -U5",
	    "git diff main...topic", "git diff -u", NULL};

	(void)state;
	assert_looks(lines);
}

static void
git_does_nothing_else(void **state)
{
	static const char *const lines[] = {"git", "git push", "git commit",
	    "git show", "git branch -D x", "git config -l", "git -C / status",
	    "git -c core.pager=x log", "git --git-dir=/x log",
	    "git --exec-path=/x status", "git -p log", "git --paginate log",
	    "git diff --output=x", "git diff --output x", "git log --output=x",
	    "git diff --no-index /etc/passwd /etc/shadow",
	    "git diff /etc/passwd /etc/hostname", "git diff ../a ../b",
	    "git diff a/../../b c", "git diff -- /etc/passwd x",
	    "git diff x/..", "git diff --ext-diff", "git log --textconv -p",
	    "git log --show-signature", "git log --format=%G?",
	    "git log --pretty=format:%GG", "git log --pretty=mine",
	    "git log --format=mine", "git diff -O/etc/passwd", "git diff -",
	    "git status -v", "git log --exec=x", "git diff --outpu=x",
	    "git log --remerge-diff", "git diff --submodule=log", NULL};

	(void)state;
	assert_refused(lines);
}

static void
others_are_not_on_the_list(void **state)
{
	static const char *const lines[] = {"ls", "rm -rf x", "sh -c df",
	    "/bin/df", "./df", "DF", "sudo df", "", NULL};
	const char *reason;

	(void)state;
	for (size_t i = 0; lines[i] != NULL; i++) {
		assert_false(permits(lines[i], &reason));
		assert_null(reason);
	}
}

static void
arguments_are_copied(void **state)
{
	(void)state;
	assert_arguments("df -h", "df -h");
	assert_arguments("kubectl get pods", "kubectl get pods");
}

static void
too_many_arguments(void **state)
{
	char line[1024] = "df";
	const char *reason;

	(void)state;
	for (int i = 0; i < 100; i++)
		strlcat(line, " /", sizeof(line));
	assert_false(permits(line, &reason));
	assert_non_null(reason);
	assert_non_null(look_summary[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kubectl_looks),
	    cmocka_unit_test(kubectl_never_looks_at_secrets),
	    cmocka_unit_test(kubectl_does_nothing_else),
	    cmocka_unit_test(small_ones_look),
	    cmocka_unit_test(small_ones_change_nothing),
	    cmocka_unit_test(ps_looks),
	    cmocka_unit_test(ps_shows_no_environment),
	    cmocka_unit_test(ps_is_not_read_as_bsd),
	    cmocka_unit_test(git_looks),
	    cmocka_unit_test(git_does_nothing_else),
	    cmocka_unit_test(others_are_not_on_the_list),
	    cmocka_unit_test(arguments_are_copied),
	    cmocka_unit_test(too_many_arguments),
	};

	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
