// parse_job_links.js URL...: hands job postings to the resume pipeline, a
// file with one URL a line in /mnt/gigs/inbox.
"use strict";
const fs = require("node:fs");

const inbox = `${process.env.GIGS || "/mnt/gigs"}/inbox`;
const urls = process.argv.slice(2);
const wrong = urls.filter((url) => !/^https?:$/.test(protocol(url)));

function protocol(url) {
  try {
    return new URL(url).protocol;
  } catch {
    return "";
  }
}

if (urls.length === 0 || wrong.length !== 0) {
  console.error(`no URL of a web page: ${wrong.join(" ") || "(none given)"}`);
  process.exit(64);
}
fs.mkdirSync(inbox, { recursive: true });
const file = `${inbox}/${Date.now()}-${process.pid}.txt`;
fs.writeFileSync(`${file}.new`, urls.map((url) => `${url}\n`).join(""));
fs.renameSync(`${file}.new`, file);
console.log(`${urls.length} job postings in ${file}`);
