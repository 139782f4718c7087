# Of oc-gateway: the process of one chain, oc-gateway --chain NAME.

# Adds a program to the chain; its input is the output of the one before.
add() {
	make_pipe
	# shellcheck disable=SC2094 # its two ends
	exec 7<>"$fifo" 5<"$fifo" 6>"$fifo" 7>&-
	rm -f "$fifo"
	tethered "$@" <&4 >&6 3>&- 4<&- 5<&- 6>&- &
	exec 4<&5 5<&- 6>&-
	added "$1"
}

# The last program of a chain; nothing reads its output.
add_last() {
	tethered "$@" <&4 >/dev/null 3>&- 4<&- &
	exec 4<&-
	added "$1"
}

added() { # name, of $!
	pids="$pids $!"
	names="$names $1"
	first=${first:-$!}
}

# The shell that oc-loop starts waits for all of its programs, and the first
# does not end when the last one does.  So each that fails ends that shell.
inner_pipeline() { # tool stages
	inner=
	for stage in oc-plan $1; do
		inner="$inner${inner:+ | }{ $stage || kill \$\$; }"
	done
	echo "$inner"
}

start_programs() { # chain
	exec 4</dev/null
	[ "$1" = api ] || unset OPENCLAW_GATEWAY_TOKEN OPENCLAW_HOOKS_TOKEN \
		OPENCLAW_GATEWAY_TOKEN_FILE OPENCLAW_HOOKS_TOKEN_FILE
	case $1 in
	# it tells the supervisor, our parent
	provision_*) add_last oc-provision -w -p "$PPID" -r "$role" ;;
	receive) add_last oc-recv-telegram -- oc-spool put in ;;
	api)
		# shellcheck disable=SC2086 # options
		add_last oc-recv-http -d "$drain" $api -- oc-spool put in
		;;
	deliver)
		[ "$drain" -le "$DELIVER_S" ] || drain=$DELIVER_S
		add oc-spool take -d "$drain" out/telegram
		add_last oc-send -c telegram
		;;
	agent)
		settings=$(setting tools.stages limits.in_flight) || exit
		most=${settings##*"
"}
		inner=$(inner_pipeline "${settings%"$most"}")
		add oc-spool take -d "$drain" -n "$most" in
		add oc-session open
		add oc-route-model
		add oc-loop -k -- "$inner"
		add_last oc-session close
		;;
	*) wrong_usage "there is no chain $1" ;;
	esac
}

# Whether none (or, with an argument, not every one) of the programs runs.
ended() { # [any]
	for pid in $pids; do
		if runs "$pid"; then
			[ -n "${1-}" ] || return 1
		else
			[ -z "${1-}" ] || return 0
		fi
	done
	[ -z "${1-}" ]
}

# Kills the programs before those that ended: nobody reads them any more.
kill_upstream() {
	before=
	for pid in $pids; do
		if runs "$pid"; then
			before="$before $pid"
		else
			# shellcheck disable=SC2086 # numbers
			[ -z "$before" ] || kill -9 $before 2>/dev/null
			before=
		fi
	done
}

# The exit statuses: all in $last, of what ended in $gone, and the one that
# counts in $worst.
collect() {
	last='' gone='' worst=0
	# shellcheck disable=SC2086 # names of ours
	set -- $names
	for pid in $pids; do
		eval "status=\${status_$pid-}"
		if [ -z "$status" ] && ! runs "$pid"; then
			wait "$pid"
			status=$?
			eval "status_$pid=$status"
		fi
		if [ -n "$status" ]; then
			gone="$gone${gone:+, }$1 $status"
			case $worst:$status in
			64:* | 70:* | 77:* | 78:*) ;;
			*:64 | *:70 | *:77 | *:78 | 0:*) worst=$status ;;
			esac
		fi
		last="$last${last:+, }$1 ${status:-killed}"
		shift
	done
}

# The first program takes nothing more and ends when the rest is through.
stop_chain() {
	kill "$first" 2>/dev/null
	[ -z "$stopping" ] || stop_at_once
	stopping=1
	wait_at_most "$drain"
}

# Asked once more.  The API says good-bye to its callers.
stop_at_once() {
	[ "$only" = api ] || exit 0
	kill "$first" 2>/dev/null
}

wait_at_most() { # seconds
	tethered sleep "$1" 3>&- &
	timer=$!
}

run_chain() { # chain
	pids='' names='' first='' stopping='' timer=''
	open_words
	trap 'echo term >&3' TERM
	start_programs "$1"
	until ended any; do
		next_word
		[ "$word" != term ] || stop_chain
		[ -z "$timer" ] || runs "$timer" || break
	done
	collect
	cause=$worst
	if [ -z "$stopping" ] || [ "$cause" != 0 ]; then
		log warn "chain $1: a program ended: $gone"
		kill_upstream
		wait_at_most "$GRACE_S"
	fi
	until ended || ! runs "$timer"; do
		next_word
		[ "$word:$stopping" != term:1 ] || stop_at_once
	done
	collect
	case $worst in
	64 | 70 | 77 | 78) cause=$worst ;;
	esac
	(umask 077 && echo "$last" >"$run/$1.last.$$") 2>/dev/null &&
		mv -f "$run/$1.last.$$" "$run/$1.last"
	exit "$cause"
}

