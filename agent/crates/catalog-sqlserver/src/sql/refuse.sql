ELSE IF {condition}
    RAISERROR({message}, 16, 1);
