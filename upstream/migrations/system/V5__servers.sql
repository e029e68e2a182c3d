-- The PostgreSQL server that has the account's database, by the name that the service is told it under; null: the one
-- that has this table too.
alter table accounts
    add column server text collate "C" check (server ~ '^[a-z0-9][a-z0-9_-]{0,62}$');
