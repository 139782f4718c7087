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

# ---- parts

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
