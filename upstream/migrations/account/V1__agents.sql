-- The database is the account's own: no table says which account a row belongs to.
create table agents (
    id         uuid primary key default gen_random_uuid(),
    name       text not null,
    status     text not null default 'active' check (status in ('active', 'inactive', 'paused')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index agents_newest_first on agents (created_at desc, id desc);
