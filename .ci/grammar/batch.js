// What is wrong with a batch of T-SQL.

"use strict";

const { ANTLRInputStream, CommonTokenStream, Token } = require("antlr4ts");
const { TSqlLexer } = require("antlr4ts-sql/dist/src/grammar-output/tsql/TSqlLexer");
const { TSqlParser } = require("antlr4ts-sql/dist/src/grammar-output/tsql/TSqlParser");

/** What the server takes and the grammar does not know, with something that it knows in its place. */
const UNKNOWN_TO_THE_GRAMMAR = [
    [/\bIF UPDATE ?\([^()\n]*\)/gi, "IF 1 = 1"],
    [/\bEXECUTE AS USER = N?'[^'\n]*'/gi, "EXECUTE AS SELF"],
    [/\b(GRANT|DENY) [A-Z ,]+ ON (OBJECT::|SCHEMA::)?[^;\n]+ TO [^;\n]+/gi, "SET NOCOUNT ON"],
    [/\bWITHOUT LOGIN\b/gi, ""],
    [/\bSET [A-Z_]+(, [A-Z_]+)+ (ON|OFF)\b/g, "SET NOCOUNT ON"],
    [/\bSET TEXTSIZE \d+/gi, "SET NOCOUNT ON"],
];

/** Capitals to the lexer, which knows no others, and the text as it is to everybody else. */
class Capitals extends ANTLRInputStream {
    LA(offset) {
        const unit = super.LA(offset);
        return unit <= 0 ? unit : String.fromCharCode(unit).toUpperCase().charCodeAt(0);
    }
}

/** All that is wrong with a batch, and with those that it executes as texts: line and message of each. */
function errorsOf(sql) {
    const { errors, tree, code } = parse(sql);
    if (errors.length === 0) errors.push(...crowded(tree));
    for (const { line, text } of executed(code)) {
        const inner = errorsOf(text);
        errors.push(...inner.map((error) => ({ line, message: `in what it executes: ${error.message}` })));
    }
    return errors;
}

function parse(sql) {
    const errors = [];
    const listener = {
        syntaxError: (_recognizer, _symbol, line, _column, message) => errors.push({ line, message }),
    };
    const known = UNKNOWN_TO_THE_GRAMMAR.reduce(
        (text, [pattern, other]) => text.replace(pattern, (found) => other.padEnd(found.length)),
        sql,
    );
    const lexer = new TSqlLexer(new Capitals(known));
    const tokens = new CommonTokenStream(lexer);
    const parser = new TSqlParser(tokens);
    for (const recognizer of [lexer, parser]) {
        recognizer.removeErrorListeners();
        recognizer.addErrorListener(listener);
    }
    const tree = parser.tsql_file();
    tokens.fill();
    const code = tokens.getTokens().filter((token) => token.channel === 0 && token.type !== Token.EOF);
    return { errors, tree, code };
}

/**
 * What has to stand alone or first in its batch and does not. The grammar lets it pass; the server refuses it,
 * or takes what follows for a part of the module.
 */
function crowded(tree) {
    const errors = [];
    const statements = nodes(tree, "Batch_level_statement", "Sql_clauses");
    const isFirst = (node) => node.start.tokenIndex === tree.start.tokenIndex;
    walk(tree, (node) => {
        const is = (name) => node.constructor.name === `${name}Context`;
        const refuse = (place, why) => errors.push({ line: place.start.line, message: `${why}: ${begin(place)}` });
        if (is("Batch_level_statement") || is("Create_schema")) {
            if (!isFirst(node) || statements.length > 1) refuse(node, "not alone in its batch");
        }
        if (is("Batch_level_statement")) {
            const body = nodes(node, "Sql_clauses");
            if (body.length > 1 && /^BEGIN$/i.test(body[0].start.text)) refuse(body[1], "behind the END of its module");
        }
        // A procedure's name is a call at the beginning of a batch and nowhere else.
        if (is("Execute_body_batch") && !isFirst(node)) refuse(node, "no statement");
    });
    return errors;
}

/** The texts that a batch executes: `EXEC (N'…')` and `sp_executesql N'…'`. */
function executed(code) {
    const is = (token, pattern) => token !== undefined && pattern.test(token.text);
    const texts = code.flatMap((token, index) => {
        const isOpen = is(token, /^\($/) && is(code[index - 1], /^EXEC(UTE)?$/i);
        const isProcedure = is(token, /^\[?sp_executesql\]?$/i);
        return isOpen || isProcedure ? [code[index + 1]] : [];
    });
    return texts
        .filter((token) => is(token, /^N?'/i))
        .map((token) => ({
            line: token.line,
            text: token.text.replace(/^N?'/i, "").replace(/'$/, "").replaceAll("''", "'"),
        }));
}

/** The outermost nodes of these kinds. */
function nodes(tree, ...kinds) {
    const children = tree.children ?? [];
    return children.flatMap((child) =>
        kinds.some((kind) => child.constructor.name === `${kind}Context`) ? [child] : nodes(child, ...kinds),
    );
}

function walk(tree, visit) {
    visit(tree);
    (tree.children ?? []).forEach((child) => walk(child, visit));
}

/** Its first words. */
function begin(node) {
    const words = [];
    walk(node, (leaf) => leaf.children === undefined && leaf.symbol && words.push(leaf.text));
    return words.slice(0, 4).join(" ");
}

module.exports = { errorsOf };
