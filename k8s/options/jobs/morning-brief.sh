#!/bin/sh
# morning-brief: the news of today in a few lines, as a Telegram message.
# What goes into the pipe is a question; what comes out is delivered.
set -eu

{
	echo 'Write my morning brief: the five most important items below, a'
	echo 'line each, in plain words, with their links. Today is'
	date '+%A, %d %B %Y.'
	for feed in $FEEDS; do
		echo
		curl -fsSL --max-time 30 "$feed" | head -c 60000 ||
			echo "(no answer from $feed)"
	done
} | openclaw ask --json - |
	jq -c --arg chat "$CHAT" '.channel = "telegram" | .to = {chat: $chat}' |
	oc-send -c telegram
