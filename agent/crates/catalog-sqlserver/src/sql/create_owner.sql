-- Which agent serves the product table.
CREATE TABLE [shopmaster].[Owner] (
    [Journal] nvarchar(64) NOT NULL,
    [Generation] bigint NOT NULL
);
