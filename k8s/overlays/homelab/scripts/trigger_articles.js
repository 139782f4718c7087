// Starts the job that makes a PDF of every new article; see options/jobs.
"use strict";
const { spawnSync } = require("node:child_process");

const name = `web-to-pdf-${new Date().toISOString().replace(/\D/g, "").slice(0, 14)}`;
const result = spawnSync(
  "kubectl",
  ["create", "job", "--from=cronjob/web-to-pdf", name, "-n", "zinfra"],
  { stdio: "inherit" });
if (result.error) console.error(`kubectl: ${result.error.message}`);
process.exit(result.status ?? 1);
