            INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime])
            SELECT
                CASE
                    WHEN {no_old} THEN N'INSERT'
                    WHEN {no_new} THEN N'DELETE'
                    ELSE N'UPDATE'
                END,
                {either},
                GETUTCDATE()
            FROM inserted AS i
            FULL JOIN deleted AS d ON {same}
            WHERE {has_either};
