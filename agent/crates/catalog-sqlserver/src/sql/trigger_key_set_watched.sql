            -- Both keys, without a join: many rows may have the same one.
            INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime]{source_column})
            SELECT N'UPDATE', k.[key], GETUTCDATE(){source}
            FROM (
                SELECT {new} AS [key] FROM inserted AS i WHERE {has_new}
                UNION
                SELECT {old} AS [key] FROM deleted AS d WHERE {has_old}
            ) AS k;
