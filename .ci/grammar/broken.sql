-- file: a trigger behind another statement
SELECT 1;
CREATE TRIGGER t ON a AFTER INSERT AS SELECT 1;

-- file: a statement behind the END of a trigger
CREATE TRIGGER t ON a AFTER INSERT AS
BEGIN
    RETURN;
END;
SELECT 1;

-- file: a view behind another statement
SET NOCOUNT ON CREATE VIEW v AS SELECT 1 AS x

-- file: a statement behind a view
CREATE VIEW v AS SELECT 1 AS x;
SELECT 2;

-- file: a statement behind a schema
CREATE SCHEMA s AUTHORIZATION dbo;
CREATE TABLE s.t (a int);

-- file: a schema under a condition
IF SCHEMA_ID(N's') IS NULL CREATE SCHEMA s;

-- file: a procedure behind another statement
SET NOCOUNT ON;
CREATE PROCEDURE p AS SELECT 1;

-- file: a trigger for an event that there is not
CREATE TRIGGER t ON a AFTER INSERT, UPSERT AS SELECT 1;

-- file: a block without its end
CREATE TRIGGER t ON a AFTER INSERT AS BEGIN SELECT 1;

-- file: a TRY without a CATCH
BEGIN TRY SELECT 1; END TRY
SELECT 2;

-- file: a join without its condition
SELECT 1 FROM inserted AS i FULL JOIN deleted AS d WHERE i.x IS NULL;

-- file: a comma too many
INSERT INTO a (b, c,) SELECT 1, 2;

-- file: a name that ends too soon
SELECT 1 FROM [a]b].[c];

-- file: a quote too many
SELECT 1 FROM a WHERE b = N'o'x';

-- file: a place that was not filled
SELECT {id} FROM a;

-- file: another database's words
CREATE TABLE IF NOT EXISTS a (b int);

-- file: another database's limit
SELECT a FROM b ORDER BY a LIMIT 10;

-- file: a text that is executed
EXEC (N'CREATE TRIGGER t ON a AFTER INSERT, UPSERT AS SELECT 1');

-- file: a view in a text that is executed
EXEC (N'SET NOCOUNT ON; CREATE VIEW v AS SELECT 1 AS x');

-- file: a setting without its value
SET NOCOUNT;
