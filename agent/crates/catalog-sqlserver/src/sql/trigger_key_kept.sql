        ELSE
            -- Who does not set the key has the same keys before and after: nothing is to be joined for them.
            INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime]{source_column})
            SELECT {distinct}N'UPDATE', {new}, GETUTCDATE(){source} FROM inserted AS i WHERE {has_new};
