// Texts, and the batches that they are made of.

"use strict";

/** The texts of an input. A line `-- file: NAME` begins another one; before the first it has `name`. */
function texts(input, name) {
    const all = [{ name, lines: [] }];
    for (const line of input.split(/\r?\n/)) {
        const header = /^-- file: (.*)$/.exec(line);
        if (header) {
            all.push({ name: header[1].trim(), lines: [] });
        } else {
            all.at(-1).lines.push(line);
        }
    }
    return all.filter((text) => text.lines.some((line) => line.trim() !== ""));
}

/** The batches of a text, separated by lines `GO`, each with the number of lines before it. */
function batches(text) {
    const all = [{ before: 0, lines: [] }];
    text.lines.forEach((line, index) => {
        if (/^\s*GO\s*$/i.test(line)) {
            all.push({ before: index + 1, lines: [] });
        } else {
            all.at(-1).lines.push(line);
        }
    });
    return all
        .map(({ before, lines }) => ({ before, sql: lines.join("\n") }))
        .filter((batch) => batch.sql.trim() !== "");
}

module.exports = { texts, batches };
