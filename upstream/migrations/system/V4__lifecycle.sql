-- The version of the schema that the account's database has, as far as we know; 0: nobody has looked yet.
alter table accounts add column schema_version integer not null default 0 check (schema_version >= 0);

-- 'deleting': its database goes, and then its row does. Nobody can use it.
alter table accounts drop constraint accounts_status_check;
alter table accounts add constraint accounts_status_check
    check (status in ('creating', 'active', 'suspended', 'deleting'));
