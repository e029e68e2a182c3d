-- Credentials belong to the system: an account's database that is restored or moved brings no revoked key back.
create table api_keys (
    id           uuid primary key default gen_random_uuid(),
    account      text collate "C" not null references accounts on delete cascade,
    name         text not null,
    -- HMAC-SHA256 of the whole text, with a pepper that no database has.
    hash         bytea not null unique check (length(hash) = 32),
    -- What the lists show of the text.
    last8        text not null check (length(last8) = 8),
    created_at   timestamptz not null default now(),
    -- The `sub` of whoever made it.
    created_by   text not null,
    -- null: never.
    expires_at   timestamptz check (expires_at > created_at),
    disabled_at  timestamptz,
    -- Some seconds behind, so that a request writes nothing.
    last_used_at timestamptz
);

create index api_keys_newest_first on api_keys (account, created_at desc, id desc);

-- A widget's key is public: what keeps others away is the list of pages that may use it.
create table widget_keys (
    id               uuid primary key default gen_random_uuid(),
    account          text collate "C" not null references accounts on delete cascade,
    name             text not null,
    hash             bytea not null unique check (length(hash) = 32),
    last8            text not null check (length(last8) = 8),
    -- Empty: no page at all.
    domain_allowlist text[] not null,
    -- The one agent of the key, which is in the account's own database; null: the page chooses.
    agent_id         uuid,
    created_at       timestamptz not null default now(),
    disabled_at      timestamptz,
    last_used_at     timestamptz
);

create index widget_keys_newest_first on widget_keys (account, created_at desc, id desc);
