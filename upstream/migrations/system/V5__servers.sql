-- The PostgreSQL server that has the account's database, by the name that the service is told it under; null: the one
-- that has this table too.
alter table accounts
    add column server text collate "C" check (server ~ '^[a-z0-9][a-z0-9_-]{0,62}$');

-- A statement that takes longer is ended, and a transaction that stands still: of the database and not of a session,
-- which a proxy may lend to somebody else.
do $$ begin
    execute format('alter database %I set statement_timeout = %L', current_database(), '20s');
    execute format('alter database %I set idle_in_transaction_session_timeout = %L', current_database(), '10s');
end $$;
