#!/bin/sh
# web-to-pdf: a PDF of every page that a line of urls.txt names and that has
# none yet.  One that fails is told, and tried again the next time.
set -eu
cd "$ARTICLES"

missing() {
	while read -r url _; do
		case $url in
		http://* | https://*) ;;
		*) continue ;;
		esac
		name=$(printf %s "$url" | sha256sum | cut -c 1-16)
		[ -s "$name.pdf" ] ||
			jq -nc --arg url "$url" --arg name "$name" '{url: $url, name: $name}'
	done <urls.txt
}

# A file gets its name when it is whole.
rm -rf .new
mkdir .new
missing | oc-cdp -j 4 -o .new pdf |
	jq --unbuffered -r 'select(.ok) | "\(.name).pdf \(.url)"' |
	while read -r file url; do
		mv ".new/$file" "$file"
		echo "$file $url"
	done
rmdir .new 2>/dev/null || rm -rf .new
[ -z "$(missing)" ] || {
	echo "web-to-pdf: some pages have no PDF yet; see above" >&2
	exit 1
}
