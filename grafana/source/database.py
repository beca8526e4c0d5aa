"""Database: has PostgreSQL room, is it quick, and is what it writes safe?"""

from grafana.source import objectives
from grafana.source.page import choice
from grafana.source.page import dashboard as make
from grafana.source.panels import (
    GREEN,
    RED,
    Json,
    Panel,
    Query,
    Row,
    at_least,
    at_most,
    graph,
    stat,
    thresholds,
)

ALL = 'job="postgres"'
CHOSEN = f'{ALL}, datname=~"$database"'
TRANSACTIONS = (
    f"(sum(rate(pg_stat_database_xact_commit{{{CHOSEN}}}[$__rate_interval]))"
    f" + sum(rate(pg_stat_database_xact_rollback{{{CHOSEN}}}[$__rate_interval])))"
)
CONNECTIONS_SHARE = f"sum(pg_stat_activity_count{{{ALL}}}) / max(pg_settings_max_connections{{{ALL}}})"
ACTIVE = f"sum(rate(pg_stat_database_active_time_seconds_total{{{CHOSEN}}}[$__rate_interval]))"
HITS = f"sum(rate(pg_stat_database_blks_hit{{{CHOSEN}}}[$__rate_interval]))"
READS = f"sum(rate(pg_stat_database_blks_read{{{CHOSEN}}}[$__rate_interval]))"


def dashboard() -> Json:
    """Make it."""
    return make(
        uid="database",
        title="Database",
        description="PostgreSQL: connections, transactions, cache, locks, tables, archive and backups.",
        runbooks={
            "database down": "docs/runbooks/database-down.md",
            "backup and restore": "docs/runbooks/backup-and-restore.md",
            "database alerts": "docs/runbooks/alerts/database.md",
            "migrations": "docs/runbooks/migrations.md",
        },
        variables=[
            choice(
                "database",
                "Database",
                'label_values(pg_stat_database_xact_commit{datname!~"template.*|postgres|"}, datname)',
            )
        ],
        panels=[
            *NOW_PANELS,
            Row("Queries"),
            *QUERIES_PANELS,
            Row("Connections and locks"),
            *CONNECTIONS_PANELS,
            Row("Tables, archive, backups"),
            *STORAGE_PANELS,
        ],
    )


NOW_PANELS: tuple[Panel, ...] = (
    stat(
        "Database",
        "Whether the exporter reaches PostgreSQL.",
        Query(expr=f"min(pg_up{{{ALL}}})"),
        unit="bool_on_off",
        limits=thresholds((1, GREEN), base=RED),
        spark=False,
    ),
    stat(
        "Connections",
        "Share of max_connections in use, by everybody.",
        Query(expr=CONNECTIONS_SHARE),
        unit="percentunit",
        limits=at_most(objectives.CONNECTIONS_SHARE, warn=0.6),
    ),
    stat("Transactions", "Transactions per second.", Query(expr=TRANSACTIONS), unit="ops"),
    stat(
        "Found in memory",
        "Share of pages that PostgreSQL found in its own memory.",
        Query(expr=f"{HITS} / ({HITS} + {READS})"),
        unit="percentunit",
        decimals=2,
        limits=at_least(0.9, good=0.99),
    ),
    stat(
        "Size",
        "Size of the database on disk.",
        Query(expr=f"sum(pg_database_size_bytes{{{CHOSEN}}})"),
        unit="bytes",
    ),
    stat(
        "Age of the newest backup",
        "Time since the newest base backup began. The archive holds what came after it.",
        Query(expr="time() - max(branchloans_backup_timestamp_seconds)"),
        unit="s",
        limits=at_most(objectives.BACKUP_HOURS * 3600),
    ),
)


QUERIES_PANELS: tuple[Panel, ...] = (
    graph(
        "Time per transaction",
        "Time that PostgreSQL works on one transaction, on average. It rises when queries get slower, not when "
        "there are more of them.",
        Query(
            expr=f"{ACTIVE} / {TRANSACTIONS}",
            legend="average",
        ),
        unit="s",
        width=8,
    ),
    graph(
        "Commits and rollbacks",
        "Transactions per second that were committed, and that were rolled back: refusals and conflicts.",
        Query(
            expr=f"sum(rate(pg_stat_database_xact_commit{{{CHOSEN}}}[$__rate_interval]))",
            legend="commits",
        ),
        Query(
            expr=f"sum(rate(pg_stat_database_xact_rollback{{{CHOSEN}}}[$__rate_interval]))",
            legend="rollbacks",
        ),
        unit="ops",
        width=8,
    ),
    graph(
        "Rows",
        "Rows per second that were fetched by index, inserted, updated and deleted.",
        *(
            Query(expr=f"sum(rate(pg_stat_database_tup_{verb}{{{CHOSEN}}}[$__rate_interval]))", legend=verb)
            for verb in ("fetched", "inserted", "updated", "deleted")
        ),
        unit="rowsps",
        width=8,
    ),
    graph(
        "Pages found in memory",
        "Share of pages found in PostgreSQL's memory, over time. Below 99 % for long, DB_MEMORY_LIMIT is small.",
        Query(expr=f"{HITS} / ({HITS} + {READS})", legend="in memory"),
        unit="percentunit",
        maximum=1,
        minimum=None,
        width=8,
    ),
    graph(
        "Waiting for the disk",
        "Milliseconds per second spent reading and writing pages. It counts where track_io_timing is on.",
        Query(
            expr=f"sum(rate(pg_stat_database_blk_read_time{{{CHOSEN}}}[$__rate_interval]))",
            legend="reading",
        ),
        Query(
            expr=f"sum(rate(pg_stat_database_blk_write_time{{{CHOSEN}}}[$__rate_interval]))",
            legend="writing",
        ),
        unit="ms",
        width=8,
    ),
    graph(
        "Spilled to disk",
        "Bytes per second of sorts and hashes too large for work_mem. The service's own queries spill nothing.",
        Query(
            expr=f"sum(rate(pg_stat_database_temp_bytes{{{CHOSEN}}}[$__rate_interval]))",
            legend="temporary files",
        ),
        unit="Bps",
        width=8,
    ),
)


CONNECTIONS_PANELS: tuple[Panel, ...] = (
    graph(
        "Connections by state",
        "Connections by what they do, against max_connections. Idle in transaction is somebody who holds locks "
        "and does nothing.",
        Query(expr=f"sum by (state) (pg_stat_activity_count{{{CHOSEN}}})", legend="{{state}}"),
        Query(expr=f"max(pg_settings_max_connections{{{ALL}}})", legend="max_connections"),
        unit="none",
        width=8,
    ),
    graph(
        "Oldest transaction",
        "Age of the oldest open transaction by state. The service's end within seconds; an old one keeps dead "
        "rows and locks.",
        Query(expr=f"max by (state) (pg_stat_activity_max_tx_duration{{{CHOSEN}}})", legend="{{state}}"),
        unit="s",
        limits=at_most(60),
        width=8,
    ),
    graph(
        "Locks and deadlocks",
        "Locks held by mode, and deadlocks per second. Row locks do not show here while nobody waits for them.",
        Query(expr=f"sum by (mode) (pg_locks_count{{{CHOSEN}}}) > 0", legend="{{mode}}"),
        Query(
            expr=f"sum(rate(pg_stat_database_deadlocks{{{CHOSEN}}}[$__rate_interval]))",
            legend="deadlocks per second",
        ),
        unit="none",
        width=8,
    ),
)


STORAGE_PANELS: tuple[Panel, ...] = (
    graph(
        "Largest tables",
        "The ten largest tables with their indexes.",
        Query(
            expr=f"topk(10, sum by (relname) (pg_stat_user_tables_size_bytes{{{CHOSEN}}}))",
            legend="{{relname}}",
        ),
        unit="bytes",
        width=8,
    ),
    graph(
        "Dead rows",
        "Rows that were updated or deleted and wait for vacuum, the ten tables with the most.",
        Query(
            expr=f"topk(10, sum by (relname) (pg_stat_user_tables_n_dead_tup{{{CHOSEN}}}))",
            legend="{{relname}}",
        ),
        unit="none",
        width=8,
    ),
    graph(
        "Read from end to end",
        "Sequential scans per second, the ten tables with the most. Harmless on small tables; on a large one an "
        "index is missing.",
        Query(
            expr=f"topk(10, sum by (relname) (rate(pg_stat_user_tables_seq_scan{{{CHOSEN}}}[$__rate_interval])))",
            legend="{{relname}}",
        ),
        unit="ops",
        width=8,
    ),
    graph(
        "Archived",
        "Segments of the write-ahead log that reached the archive, and that failed to, per second. Any failure "
        "is a gap in what can be restored.",
        Query(
            expr=f"sum(rate(pg_stat_archiver_archived_count{{{ALL}}}[$__rate_interval]))",
            legend="archived",
        ),
        Query(expr=f"sum(rate(pg_stat_archiver_failed_count{{{ALL}}}[$__rate_interval]))", legend="failed"),
        unit="ops",
    ),
    graph(
        "Backups",
        "Age of the newest base backup, of the newest archived segment and of the last restore that was verified; "
        "the line is when a backup is late.",
        Query(expr="time() - max(branchloans_backup_timestamp_seconds)", legend="base backup"),
        Query(expr="time() - max(branchloans_wal_archive_timestamp_seconds > 0)", legend="archived segment"),
        Query(expr="time() - max(branchloans_restore_drill_timestamp_seconds)", legend="restore drill"),
        unit="s",
        limits=at_most(objectives.BACKUP_HOURS * 3600),
    ),
)
