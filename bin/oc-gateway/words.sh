# Of oc-gateway: what its processes share.

# ---- words

log() { # level text
	case ${OC_LOG:-info}:$1 in
	error:warn | error:info | warn:info) return ;;
	esac
	if [ -t 2 ]; then
		printf 'oc-gateway: %s\n' "$2" >&2
	else
		printf '%s %s oc-gateway[%d]: %s\n' \
			"$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$1" $$ "$2" >&2
	fi
}

die() { # status text
	log error "$2"
	exit "$1"
}

wrong_usage() { # text
	printf 'oc-gateway: %s\ntry '\''oc-gateway -h'\''\n' "$1" >&2
	exit 64
}

now() { # seconds of the clock that only goes forward, in $now
	read -r now _ </proc/uptime
	now=${now%.*}
}

# ---- the configuration

# A signal that ended openclaw says nothing about the configuration: that is
# to be tried again (75), and not to be told as wrong.
ask_openclaw() { # argument...
	openclaw "$@"
	status=$?
	[ "$status" -lt 128 ] || status=75
	return "$status"
}

setting() { # key...
	ask_openclaw config get "$@"
}

# ---- processes

# Becomes a program that is killed when we end, however we end.
tethered() {
	[ -z "$setpriv" ] || exec "$setpriv" --pdeathsig KILL "$@"
	exec "$@"
}

# A child of ours that still runs.
runs() { # pid
	[ -n "$1" ] &&
		{ read -r _ _ state parent _ <"/proc/$1/stat"; } 2>/dev/null &&
		[ "$state" != Z ] && [ "$parent" = $$ ]
}

# A pipe in which our signals become words, so that none is missed.
open_words() {
	make_pipe
	exec 3<>"$fifo"
	rm -f "$fifo"
	trap '' PIPE
	trap 'echo child >&3' CHLD
}

make_pipe() {
	fifo=$run/pipe.$$
	rm -f "$fifo"
	mkfifo -m 600 "$fifo" 2>/dev/null || {
		fifo=${TMPDIR:-/tmp}/oc-gateway.$$
		mkfifo -m 600 "$fifo" ||
			die 73 "no pipe can be made in $run; is the disk full?"
	}
}

# The next word, in $word.  Empty: a signal came, its word follows.
next_word() {
	word=
	read -r word <&3 || :
}

