#!/bin/sh
# What a CronJob runs to have the agent do something: asks, waits for the end,
# prints the answer, and fails when the agent did.
#
#     OPENCLAW_HOOKS_TOKEN=... cronjob.sh 'how full are the disks?' [KEY]
#
# With the same KEY (a CronJob: the name of the Job, which its retries share)
# it is done once, however often this is run.  OPENCLAW_URL is the gateway.
set -eu

message=$1 key=${2-$(date +%Y-%m-%dT%H:%M)-$$}
jq -n --arg message "$message" --arg key "$key" \
	'{$message, name: "cron", idempotencyKey: $key, sessionKey: "cron",
	waitForCompletion: true, timeoutSeconds: 300}' |
	curl -sS --fail-with-body --max-time 360 \
		-H "Authorization: Bearer $OPENCLAW_HOOKS_TOKEN" \
		-H 'Content-Type: application/json' --data-binary @- \
		"${OPENCLAW_URL:-http://127.0.0.1:18789}/hooks/agent" |
	jq -r '.result.text // .error.message'
