/* shopmaster set_owner */
UPDATE shopmaster.Owner SET Journal = @P1, Generation = @P2;
IF @@ROWCOUNT = 0
    INSERT INTO shopmaster.Owner (Journal, Generation) VALUES (@P1, @P2);
