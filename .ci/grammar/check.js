// Parses T-SQL and says what is wrong with it, by text and line. Exits with 1 when something is.
//
//   node check.js [FILE…]     standard input without files; texts.js says how it is written
//
// It sees what a grammar sees, and not what only a server knows: names, types, rights.

"use strict";

const fs = require("fs");
const { errorsOf } = require("./batch");
const { texts, batches } = require("./texts");

const files = process.argv.slice(2);
const inputs = files.length === 0 ? [["standard input", 0]] : files.map((file) => [file, file]);
let count = 0;
let failed = 0;
for (const [name, file] of inputs) {
    for (const text of texts(fs.readFileSync(file, "utf8"), name)) {
        for (const { before, sql } of batches(text)) {
            count += 1;
            const errors = errorsOf(sql);
            failed += errors.length > 0 ? 1 : 0;
            for (const { line, message } of errors) {
                console.log(`${text.name}:${before + line}: ${message.slice(0, 200)}`);
            }
        }
    }
}
console.log(`${count} batches of T-SQL, ${failed} with errors`);
// Nothing to check is no success.
process.exitCode = failed > 0 || count === 0 ? 1 : 0;
