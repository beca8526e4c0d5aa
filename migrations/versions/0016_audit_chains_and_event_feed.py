"""Audit records chained by hashes, each subject's for itself (ADR 37), and events in the order of a feed (ADR 38).

The release before goes on: what it inserts is numbered and hashed by the trigger, and gets its place in the feed by the
defaults. Records that are there are chained in the order of their identifiers, under a lock that keeps commands from
writing meanwhile: 16 seconds for 100,000 records on two busy cores, so choose a quiet hour where there are more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# The canonical form is described, key by key, in docs/audit.md; the service computes it once more when it verifies.
HASH = """
CREATE FUNCTION audit_record_hash(record audit_records) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(
    jsonb_build_object(
        'id', (record).id,
        'subject_type', (record).subject_type,
        'subject_id', (record).subject_id,
        'sequence', (record).sequence,
        'action', (record).action,
        'actor', (record).actor,
        'approved_by', (record).approved_by,
        'request_id', (record).request_id,
        'before', (record).before,
        'after', (record).after,
        'recorded_at', to_char((record).recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'previous_hash', encode((record).previous_hash, 'hex')
    )::text,
    'UTF8'
))
"""
# Runs as the owner of the tables, so that the service itself need not be allowed to change a head. The head's row is
# locked until the transaction ends: whoever writes of the same subject comes after, and no chain has two ends.
CHAIN = """
CREATE FUNCTION chain_audit_record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head public.audit_heads;
BEGIN
    SELECT * INTO head FROM public.audit_heads WHERE subject_id = NEW.subject_id FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public.audit_heads (subject_id, sequence, hash) VALUES (NEW.subject_id, 0, NULL)
        ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT head FROM public.audit_heads WHERE subject_id = NEW.subject_id FOR UPDATE;
    END IF;
    NEW.sequence := head.sequence + 1;
    NEW.previous_hash := head.hash;
    NEW.hash := public.audit_record_hash(NEW);
    UPDATE public.audit_heads SET sequence = NEW.sequence, hash = NEW.hash WHERE subject_id = NEW.subject_id;
    RETURN NEW;
END
$$
"""
CHAIN_WHAT_IS_THERE = """
DO $$
DECLARE
    record public.audit_records;
    head public.audit_records;
BEGIN
    FOR record IN SELECT * FROM audit_records ORDER BY subject_id, id LOOP
        IF head.subject_id IS DISTINCT FROM record.subject_id THEN
            head := NULL;
        END IF;
        record.sequence := coalesce(head.sequence, 0) + 1;
        record.previous_hash := head.hash;
        record.hash := audit_record_hash(record);
        UPDATE audit_records
        SET sequence = record.sequence, previous_hash = record.previous_hash, hash = record.hash
        WHERE subject_id = record.subject_id AND id = record.id;
        head := record;
    END LOOP;
END
$$
"""
HEADS_OF_WHAT_IS_THERE = """
INSERT INTO audit_heads (subject_id, sequence, hash)
SELECT DISTINCT ON (subject_id) subject_id, sequence, hash FROM audit_records ORDER BY subject_id, sequence DESC
"""
GUARDS = (
    """
    CREATE TRIGGER audit_heads_only_grow BEFORE UPDATE ON audit_heads FOR EACH ROW
    WHEN (NEW.subject_id <> OLD.subject_id OR NEW.sequence <> OLD.sequence + 1) EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER audit_heads_no_truncate BEFORE TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)
INDEXES_OF_AUDIT = {
    "ix_audit_records_recorded_at": "recorded_at, id",
    "ix_audit_records_action": "action, recorded_at, id",
    "ix_audit_records_actor": "actor, recorded_at, id",
    "ix_audit_records_subject_type": "subject_type, recorded_at, id",
    "ix_audit_records_actor_action": "actor, action, recorded_at, id",
    "ix_audit_records_actor_subject_type": "actor, subject_type, recorded_at, id",
}

# Transaction numbers begin anew in another cluster and go back with a restore to a moment, so that they are an order
# only within the time of one cluster on one timeline: an era. Eras are numbered by the clock, in microseconds, which a
# restore does not put back. A session asks once: whatever begins an era ends every session before it.
ERA = """
CREATE FUNCTION outbox_era() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    known text := current_setting('branchloans.outbox_era', true);
    cluster bigint;
    timeline integer;
    found_era bigint;
BEGIN
    IF known <> '' THEN
        RETURN known::bigint;
    END IF;
    SELECT system_identifier INTO cluster FROM pg_control_system();
    timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
    SELECT e.era INTO found_era FROM public.outbox_eras AS e
    WHERE e.system_identifier = cluster AND e.timeline_id = timeline;
    IF NOT FOUND THEN
        INSERT INTO public.outbox_eras (era, system_identifier, timeline_id)
        SELECT greatest(extract(epoch FROM clock_timestamp()) * 1000000, coalesce(max(e.era), 0) + 1), cluster, timeline
        FROM public.outbox_eras AS e
        ON CONFLICT (system_identifier, timeline_id) DO NOTHING;
        SELECT e.era INTO STRICT found_era FROM public.outbox_eras AS e
        WHERE e.system_identifier = cluster AND e.timeline_id = timeline;
    END IF;
    PERFORM set_config('branchloans.outbox_era', found_era::text, false);
    RETURN found_era;
END
$$
"""
# A transaction may get its number while it waits for a loan. What it writes then has to come after what those
# wrote that it waited for: the newest number that had ended is at least theirs.
XID = (
    "greatest(((pg_current_xact_id())::text)::bigint,"
    " ((pg_snapshot_xmax(pg_current_snapshot()))::text)::bigint - 1)"
)
INDEXES_OF_EVENTS = {
    "ix_outbox_events_feed": "era, xid, id",
    "ix_outbox_events_type": "type, era, xid, id",
    "ix_outbox_events_subject_id": "subject_id, era, xid, id",
}


def upgrade() -> None:
    """Chain the records there are and all to come; give events their order."""
    op.create_table(
        "audit_heads",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(sequence = 0) = (hash IS NULL)", name=op.f("ck_audit_heads_hash_of_last")),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_audit_heads")),
    )
    # A head is changed with each record: room beside it keeps that from touching the index.
    op.execute("ALTER TABLE audit_heads SET (fillfactor = 70)")
    for name, kind in (
        ("sequence", sa.Integer()),
        ("previous_hash", sa.LargeBinary()),
        ("hash", sa.LargeBinary()),
    ):
        op.add_column("audit_records", sa.Column(name, kind, nullable=True))
    op.execute(HASH)
    op.execute("ALTER TABLE audit_records DISABLE TRIGGER audit_records_insert_only")
    op.execute(CHAIN_WHAT_IS_THERE)
    op.execute("ALTER TABLE audit_records ENABLE TRIGGER audit_records_insert_only")
    op.execute(HEADS_OF_WHAT_IS_THERE)
    for guard in GUARDS:
        op.execute(guard)
    op.execute(CHAIN)
    op.execute(
        "CREATE TRIGGER audit_records_chain BEFORE INSERT ON audit_records"
        " FOR EACH ROW EXECUTE FUNCTION chain_audit_record()"
    )
    for name in ("sequence", "hash"):
        op.alter_column("audit_records", name, nullable=False)
    op.create_check_constraint(
        op.f("ck_audit_records_previous_hash_but_of_first"),
        "audit_records",
        "(sequence = 1) = (previous_hash IS NULL)",
    )
    op.drop_constraint(op.f("pk_audit_records"), "audit_records", type_="primary")
    op.create_primary_key(op.f("pk_audit_records"), "audit_records", ["subject_id", "sequence"])
    for name, columns in INDEXES_OF_AUDIT.items():
        op.execute(f"CREATE INDEX {name} ON audit_records ({columns})")
    op.execute(
        "CREATE INDEX ix_audit_records_request_id ON audit_records (request_id, recorded_at, id)"
        " WHERE request_id IS NOT NULL"
    )
    _order_events()


def _order_events() -> None:
    op.create_table(
        "outbox_eras",
        sa.Column("era", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("system_identifier", sa.BigInteger(), nullable=False),
        sa.Column("timeline_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("era", name=op.f("pk_outbox_eras")),
        sa.UniqueConstraint(
            "system_identifier", "timeline_id", name=op.f("uq_outbox_eras_system_identifier_timeline_id")
        ),
    )
    op.execute(ERA)
    op.execute("SELECT outbox_era()")
    op.add_column("outbox_events", sa.Column("request_id", sa.Text(), nullable=True))
    # What is there comes before all that is to come, in the order of its numbers.
    for name in ("era", "xid"):
        op.add_column(
            "outbox_events", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
    op.alter_column("outbox_events", "era", server_default=sa.text("outbox_era()"))
    op.alter_column("outbox_events", "xid", server_default=sa.text(XID))
    for name, columns in INDEXES_OF_EVENTS.items():
        op.execute(f"CREATE INDEX {name} ON outbox_events ({columns})")


def downgrade() -> None:
    """Take the order of events and the chains away; the records stay."""
    for name in INDEXES_OF_EVENTS:
        op.drop_index(name, table_name="outbox_events")
    for name in ("xid", "era", "request_id"):
        op.drop_column("outbox_events", name)
    op.execute("DROP FUNCTION outbox_era()")
    op.drop_table("outbox_eras")
    op.execute("DROP TRIGGER audit_records_chain ON audit_records")
    op.execute("DROP FUNCTION chain_audit_record()")
    op.execute("DROP FUNCTION audit_record_hash(audit_records)")
    op.drop_table("audit_heads")
    for name in ("ix_audit_records_request_id", *INDEXES_OF_AUDIT):
        op.drop_index(name, table_name="audit_records")
    op.drop_constraint(op.f("pk_audit_records"), "audit_records", type_="primary")
    op.create_primary_key(op.f("pk_audit_records"), "audit_records", ["subject_id", "id"])
    for name in ("hash", "previous_hash", "sequence"):
        op.drop_column("audit_records", name)
