// Whether the check sees what it has to see: each text of good.sql is good, and each of broken.sql is not.

"use strict";

const fs = require("fs");
const path = require("path");
const { errorsOf } = require("./batch");
const { texts, batches } = require("./texts");

function judged(file) {
    const all = texts(fs.readFileSync(path.join(__dirname, file), "utf8"), file);
    return all.map((text) => ({
        name: text.name,
        errors: batches(text).flatMap(({ sql }) => errorsOf(sql)),
    }));
}

const alarmed = judged("good.sql").filter(({ errors }) => errors.length > 0);
const blind = judged("broken.sql").filter(({ errors }) => errors.length === 0);
for (const { name, errors } of alarmed) console.log(`a false alarm for: ${name}: ${errors[0].message.slice(0, 200)}`);
for (const { name } of blind) console.log(`this check is blind for: ${name}`);
process.exitCode = alarmed.length + blind.length > 0 ? 1 : 0;
