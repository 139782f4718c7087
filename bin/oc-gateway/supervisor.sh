# Of oc-gateway: the supervisor, which keeps the chains up.

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

