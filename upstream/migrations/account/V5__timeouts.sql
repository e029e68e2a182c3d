-- A statement that takes longer is ended, and a transaction that stands still: of the database and not of a session,
-- which a proxy may lend to somebody else. New account databases are given the same when they are copied.
do $$ begin
    execute format('alter database %I set statement_timeout = %L', current_database(), '20s');
    execute format('alter database %I set idle_in_transaction_session_timeout = %L', current_database(), '10s');
end $$;
