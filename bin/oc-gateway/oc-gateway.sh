#!/bin/sh
# oc-gateway: starts the chains of programs that make the gateway, and keeps
# them up.
#
# One process supervises.  Each chain has a process of its own, this script
# again with --chain, which starts the programs, waits until the first of them
# ends, takes the rest down and ends with the status that matters.  Everything
# is woken by signals that become words in a pipe (descriptor 3), never by a
# clock.  What is supervised dies with its supervisor, so that no chain is left
# that nobody looks after; what it was doing goes on at the next start.
#
# Descriptors: 3 the words; 4 to 7 pipes between programs; 8, 9 locks.
set -u

PAUSE_FIRST=1    # tenths of a second before the first restart of a chain
PAUSE_MOST=300   # and at most, after doubling
HEALTHY_S=60     # a chain that ran so long starts again with PAUSE_FIRST
GRACE_S=1        # for the programs behind one that ended
DELIVER_S=10     # for the replies that are on their way, when draining
CHAINS='receive agent api deliver' # and provision_ROLE

usage='usage: oc-gateway [-h] [-c FILE] [--role gateway|node|all] [--drain SECONDS]
                  [--log FILE] [--bind loopback|lan|auto|custom] [--port N]
                  [--auth none|token] [--token TOKEN] [--allow-unconfigured]

Starts the chains of programs that receive, answer and deliver messages and
answer the HTTP API, and keeps them up until SIGTERM.

  -c FILE     configuration
  --role      gateway: receive and deliver; node: answer; all: both (default)
  --drain     after SIGTERM, how long to wait for turns that run (60)
  --log FILE  write the log there; SIGHUP opens it anew
  --allow-unconfigured
              models that the configuration does not name may be asked for
  --bind, --port, --auth
              for the HTTP API, see oc-recv-http(1)
  --token     its token; better in OPENCLAW_GATEWAY_TOKEN

SIGHUP starts the chains again with the configuration as it is then.
See oc-gateway(1).'

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

# ---- a chain: oc-gateway --chain NAME

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

# ---- the supervisor

# What is known of a chain, in plain variables between load and save.
FIELDS='doing pid timer pause since started restarts again why'

load() { # chain
	chain=$1
	for field in $FIELDS; do
		eval "$field=\${${chain}_$field-}"
	done
}

# Keeps it, and shows it to `openclaw gateway status`.  A disk that is full
# stops nothing.
save() {
	for field in $FIELDS; do
		eval "${chain}_$field=\$$field"
	done
	last=
	{ read -r last <"$run/$chain.last"; } 2>/dev/null
	(umask 077 && printf '{"state":"%s","pid":%s,"since":%d,"restarts":%d,"last":"%s","why":"%s"}\n' \
		"$doing" "${pid:-null}" "${started:-0}" "${restarts:-0}" "$last" "$why" \
		>"$run/$chain.new") 2>/dev/null &&
		mv -f "$run/$chain.new" "$run/$chain.json"
}

start_chain() {
	tethered setsid "$self" --chain "$chain" --drain "$drain" --role "$role" \
		${bind:+--bind "$bind"} ${port:+--port "$port"} \
		${auth:+--auth "$auth"} \
		3>&- 8>&- 9>&- &
	pid=$! timer='' again='' doing=running why=''
	now
	since=$now started=$(date +%s)
	save
}

# A chain that ended starts again, after a pause, or is given up.
chain_ended() {
	wait "$pid"
	status=$?
	kill -9 "-$pid" 2>/dev/null # what it left
	pid=
	now
	[ $((now - since)) -lt "$HEALTHY_S" ] || pause=
	case $status in
	64 | 70 | 77 | 78)
		doing=failed why="ended with status $status"
		log error "chain $chain: $why and is not started again; see above"
		;;
	*)
		if [ -n "$again" ] || ! planned "$chain"; then
			doing=stopped why=
		else
			pause_chain
		fi
		;;
	esac
	save
}

pause_chain() {
	pause=${pause:-$PAUSE_FIRST}
	length=$((pause / 10)).$((pause % 10))
	log warn "chain $chain: ended with status $status; starts again in $length s"
	tethered sleep "$length" 3>&- 8>&- 9>&- &
	timer=$!
	doing=waiting why="ended with status $status"
	restarts=$((${restarts:-0} + 1))
	pause=$((pause * 2))
	[ "$pause" -le "$PAUSE_MOST" ] || pause=$PAUSE_MOST
}

# What the supervisor itself has to know, in $enabled and $wanted.  Every
# start of openclaw costs some milliseconds.
read_settings() {
	settings=$(ask_openclaw config get -r channels.telegram.enabled \
		provision) || return
	enabled=${settings%%"
"*} wanted=${settings#*"
"}
}

# Puts in place what is missing; what cannot be done does not stop us.
provision() {
	oc-provision -r "$role"
	status=$?
	case $status in
	0 | 75) return 0 ;;
	esac
	[ "$status" -lt 128 ] || status=75
	return "$status"
}

# The configuration is provisioned itself, or says what is to be.
prepare() {
	provisions=${OC_CONFIG_SOURCE:+yes}
	if [ -z "$provisions" ]; then
		read_settings || return
		case $wanted in
		*'"from":'* | *'"url":'* | *'"key":"'* | *'"telegram":true'*)
			provisions=yes
			;;
		*)
			rm -f "$run/provision.$role.json"
			return 0
			;;
		esac
	fi
	provision && read_settings
}

# Which chains there are to be, in $plan.
make_plan() {
	plan=
	[ "$role" = gateway ] || plan=agent
	[ -z "$provisions" ] || plan="provision_$role${plan:+ $plan}"
	[ "$role" != node ] || return 0
	if [ "$enabled" != true ]; then
		log info 'no Telegram: channels.telegram.enabled is false (openclaw channels add --channel telegram --use-env)'
	elif [ -z "${TELEGRAM_BOT_TOKEN:-}${TELEGRAM_BOT_TOKEN_FILE:-}" ]; then
		log warn 'no Telegram: neither TELEGRAM_BOT_TOKEN nor TELEGRAM_BOT_TOKEN_FILE is set'
	else
		plan="deliver ${plan:+$plan }receive"
	fi
	plan="${plan:+$plan }api"
}

# Whether a chain is to run.
planned() { # chain
	[ -z "$draining" ] || return 1
	case " $plan " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# Chains that ended, pauses that are over, chains that are new in the plan.
look_after_chains() {
	alive='' failure=''
	for one in $CHAINS; do
		load "$one"
		if [ -n "$pid" ] && ! runs "$pid"; then
			chain_ended
		elif [ -n "$timer" ] && ! runs "$timer"; then
			wait "$timer"
			timer='' doing=stopped
			save
		fi
		if [ -z "$pid$timer" ] && [ "$doing" != failed ] && planned "$one"; then
			start_chain
		fi
		[ -z "$pid$timer" ] || alive="$alive $one"
		[ "$doing" != failed ] || failure=${why##* }
	done
}

# Ends a chain after its running turns, or the pause before its restart.
end_chain() { # chain
	load "$1"
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null
		doing=draining again=1
		save
	elif [ -n "$timer" ]; then
		kill "$timer" 2>/dev/null
	fi
}

# SIGHUP: the log anew, and every chain with the configuration of now.
reload() {
	[ -z "$logfile" ] || exec 2>>"$logfile"
	if ! prepare; then
		log error 'the configuration is wrong; everything goes on with the old one'
		return
	fi
	make_plan
	log info 'the chains start again, each after its running turns'
	for one in $CHAINS; do
		# it told us, or sees the same without us
		case $one in
		provision_*) ! planned "$one" || continue ;;
		esac
		load "$one"
		pause=
		[ "$doing" != failed ] || doing=stopped
		[ -z "$doing" ] || save
		end_chain "$one"
	done
}

# Nothing new comes in; the running turns end; their replies go out.
drain_chains() {
	case $draining in
	asked)
		log info "ends, after the running turns ($drain s at most)"
		draining=turns
		end_chain "provision_$role"
		end_chain receive
		end_chain agent
		end_chain api
		;;
	esac
	case $draining:$alive in
	turns:*receive* | turns:*agent*) ;;
	turns:*)
		draining=replies
		end_chain deliver
		# what waits for a turn that has not begun gets no answer now
		end_chain api
		;;
	esac
	[ -n "$alive" ] || {
		log info 'has ended'
		exit 0
	}
}

supervise() {
	draining=''
	open_words
	trap 'echo term >&3' TERM INT
	trap 'echo hup >&3' HUP
	make_plan
	look_after_chains
	log info "is up: ${plan:-no chain} (role $role, state $state)"
	# an API with nothing behind it is not worth going on for
	until [ -z "$draining${alive#" api"}" ] && [ -n "$failure" ]; do
		next_word
		case $word:$draining in
		term:) draining=asked ;;
		term:*) for one in $alive; do end_chain "$one"; done ;;
		hup:) reload ;;
		esac
		look_after_chains
		[ -z "$draining" ] || drain_chains
	done
	die "$failure" 'no chain is left'
}

# ---- the start

# One gateway for each role on one state.  The lock is on descriptor 8 or 9
# and falls when we end, however we end.  Whoever only looks holds it for a
# moment, so a moment is waited.
take_lock() { # role
	file=$run/$1.lock
	umask 077
	case $1 in
	gateway) exec 8>>"$file" && flock -w 0.2 8 ;;
	node) exec 9>>"$file" && flock -w 0.2 9 ;;
	esac || die 75 "another gateway has the role $1 on this state: $(cat "$file"); end it first, or set OC_STATE to another directory"
	printf 'process %d on %s since %s\n' $$ "$(uname -n)" \
		"$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$file"
	umask "$mask"
}

take_locks() {
	mask=$(umask)
	(umask 077 && mkdir -p "$run") ||
		die 73 "$run cannot be made; OC_STATE names the directory of state"
	for lock in gateway node; do
		case $role in
		"$lock" | all) take_lock "$lock" ;;
		esac
	done
}

check_number() { # option text least most
	case $2 in
	'' | *[!0-9]* | ??????*) wrong_usage "$1 $2: is no number" ;;
	esac
	{ [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } ||
		wrong_usage "$1 $2: not from $3 to $4"
}

check_one_of() { # option text word...
	option=$1 text=$2
	shift 2
	for word in "$@"; do
		[ "$word" != "$text" ] || return 0
	done
	wrong_usage "$option $text: it is one of: $*"
}

check_options() {
	check_one_of --role "$role" gateway node all
	[ -z "$bind" ] || check_one_of --bind "$bind" loopback lan auto custom
	[ -z "$auth" ] || check_one_of --auth "$auth" none token
	[ -z "$port" ] || check_number --port "$port" 0 65535
	check_number --drain "$drain" 0 86400
}

role=all bind='' auth='' port='' token='' drain=60 logfile='' only=''
while [ $# -gt 0 ]; do
	case $1 in
	--*=*)
		option=${1%%=*} value=${1#*=}
		shift
		set -- "$option" "$value" "$@"
		;;
	esac
	case $1 in
	-h | --help)
		printf '%s\n' "$usage"
		exit 0
		;;
	--allow-unconfigured)
		export OC_ALLOW_UNCONFIGURED=1
		shift
		continue
		;;
	-c | --role | --bind | --port | --auth | --token | --drain | --log | --chain)
		[ $# -gt 1 ] || wrong_usage "$1: its value is missing"
		;;
	*) wrong_usage "$1: there is no such option" ;;
	esac
	case $1 in
	-c) export OC_CONFIG="$2" ;;
	--role) role=$2 ;;
	--bind) bind=$2 ;;
	--port) port=$2 ;;
	--auth) auth=$2 ;;
	--token) token=$2 given=yes ;;
	--drain) drain=$2 ;;
	--log) logfile=$2 ;;
	--chain) only=$2 ;;
	esac
	shift 2
done
check_options

# Everybody sees our arguments, and only our user our environment: what the
# arguments said is said again without the token.
if [ -n "${given-}" ]; then
	export OPENCLAW_GATEWAY_TOKEN="$token"
	exec "$0" --role "$role" --drain "$drain" ${bind:+--bind "$bind"} \
		${port:+--port "$port"} ${auth:+--auth "$auth"} \
		${logfile:+--log "$logfile"}
fi

# What was built or installed with us is found first.
here=$(cd "$(dirname "$0")" && pwd)
self=$here/${0##*/}
PATH=$here:$PATH
setpriv=$(command -v setpriv)
state=${OC_STATE:-${HOME:+$HOME/.openclaw/state}}
[ -n "$state" ] || die 78 'no directory of state: neither OC_STATE nor HOME is set'
run=$state/run
api="${bind:+--bind $bind} ${port:+--port $port} ${auth:+--auth $auth}"
CHAINS="provision_$role $CHAINS"
OC_STATE=$state
export PATH OC_STATE
[ -z "$only" ] || run_chain "$only"
[ -z "$logfile" ] || exec 2>>"$logfile" || die 73 "$logfile: cannot be written"
prepare || exit
take_locks
case $role in
gateway | all)
	# a wrong address or a busy port is told now, before anything runs
	# shellcheck disable=SC2086 # options
	oc-recv-http -n $api || exit
	;;
esac
supervise
