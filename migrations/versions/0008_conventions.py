"""Room for the conventions of the API: versions of borrowers, answers that expire, traces, words to search for.

All of it is added: the release before this one runs on unchanged beside it. A borrower that it registers has version 1
and an event that it announces no trace; an answer that has expired it would repeat without its body.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Letters without their accents and in lower case, whatever the locale of the database. The bodies are kept parsed, so
# that a restore, which has no search path, finds everything in them. The cost tells the planner to use the index.
BORROWER_WORDS = r"""
CREATE FUNCTION borrower_words(first_name text, last_name text, external_id text, email text, phone text)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN array_to_tsvector(array_remove(regexp_split_to_array(
    lower(regexp_replace(
        normalize(
            first_name || ' ' || last_name || ' ' || coalesce(external_id, '') || ' ' || coalesce(email, '') || ' '
            || coalesce(phone, '') || ' ' || coalesce(regexp_replace(phone, '\D', '', 'g'), ''),
            NFKD
        ),
        '[\u0300-\u036f]', '', 'g'
    ) COLLATE "pg_c_utf8"),
    '[^[:alnum:]]+'
), ''))
"""
# Each word as the beginning of one; digits alone are a telephone number. NULL where there is nothing to search for.
BORROWER_QUERY = r"""
CREATE FUNCTION borrower_query(said text)
RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN (
    SELECT string_agg(quote_literal(word) || ':*', ' & ')::tsquery
    FROM unnest(regexp_split_to_array(
        lower(regexp_replace(
            normalize(
                CASE WHEN said ~ '^[0-9 +()-]+$' THEN regexp_replace(said, '\D', '', 'g') ELSE said END, NFKD
            ),
            '[\u0300-\u036f]', '', 'g'
        ) COLLATE "pg_c_utf8"),
        '[^[:alnum:]]+'
    )) AS word
    WHERE word <> ''
)
"""


def upgrade() -> None:
    """Add the columns and the functions."""
    op.add_column("borrowers", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("outbox_events", sa.Column("traceparent", sa.Text(), nullable=True))
    op.alter_column("idempotency_keys", "body", existing_type=sa.LargeBinary(), nullable=True)
    op.execute(BORROWER_WORDS)
    op.execute(BORROWER_QUERY)


def downgrade() -> None:
    """Take them away; a key whose answer has expired goes with its answer."""
    op.execute("DROP FUNCTION borrower_query(text)")
    op.execute("DROP FUNCTION borrower_words(text, text, text, text, text)")
    op.execute("DELETE FROM idempotency_keys WHERE body IS NULL")
    op.alter_column("idempotency_keys", "body", existing_type=sa.LargeBinary(), nullable=False)
    op.drop_column("outbox_events", "traceparent")
    op.drop_column("borrowers", "version")
