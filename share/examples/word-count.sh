#!/bin/sh
# A tool stage in shell: it offers word_count and answers the calls of it.
if [ "${1-}" = -l ]; then
	exec jq -nc '{name: "word_count", description: "Counts the words of a text.",
	    parameters: {type: "object", properties: {text: {type: "string"}}, required: ["text"]}}'
fi
exec jq -Rr --unbuffered '. as $line | try (fromjson
	| .steps[.steps | map(.role == "assistant") | rindex(true):] as $last
	| [select(.reply == null) | $last[0].calls[]
	    | select(.name == "word_count" and (.id | IN($last[].call) | not))] as $mine
	| if $mine == [] then $line else .steps += ($mine | map({role: "tool", call: .id}
	    + (.args.text | try {ok: true, output: "words: \([scan("\\S+")] | length)"}
	    catch {ok: false, output: "text must be a string"}))) | tojson end) catch $line'
