-- What an account has instead of the gate's configuration: a row a limit. No row: the configuration decides.
create table account_caps (
    account   text collate "C" not null references accounts on delete cascade,
    cap       text collate "C" not null check (cap ~ '^[A-Za-z0-9_-]{1,64}$'),
    dimension text collate "C" not null
              check (dimension in ('concurrent', 'per_minute', 'per_hour', 'per_day')),
    -- null: no limit; 0: none at all.
    most      bigint check (most between 0 and 4294967295),
    primary key (account, cap, dimension)
);
