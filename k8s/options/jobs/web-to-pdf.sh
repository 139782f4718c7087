#!/bin/sh
# web-to-pdf: a PDF of every page that a line of urls.txt names and that has
# none yet.  One that fails is told, and tried again the next time.
set -eu
cd "$ARTICLES"

failed=0
while read -r url _; do
	case $url in
	http://* | https://*) ;;
	*) continue ;;
	esac
	file=$(printf %s "$url" | sha256sum | cut -c 1-16).pdf
	[ ! -s "$file" ] || continue
	if oc-cdp pdf "$url" >"$file.new"; then
		mv "$file.new" "$file"
		echo "$file $url"
	else
		rm -f "$file.new"
		failed=$((failed + 1))
	fi
done <urls.txt
[ "$failed" = 0 ] || {
	echo "web-to-pdf: $failed pages failed, see above" >&2
	exit 1
}
