"""Resource use: do CPU, memory, disk and network suffice, for the API within its limits and for the host?"""

from grafana.source import objectives
from grafana.source.page import choice
from grafana.source.page import dashboard as make
from grafana.source.panels import Json, Panel, Query, Row, at_least, at_most, bars, graph, stat

API = 'job="flask-api", instance=~"$instance"'
NODE = 'job="node"'
NGINX = 'job="nginx"'
NETWORK = f'{NODE}, device!~"lo|veth.*|br-.*|docker.*"'
MEMORY_SHARE = f"branchloans_memory_bytes{{{API}}} / branchloans_memory_limit_bytes{{{API}}}"
CPU_USED = f"rate(branchloans_cpu_seconds_total{{{API}}}[$__rate_interval])"
CPU_SHARE = f"{CPU_USED} / branchloans_cpu_limit_cores{{{API}}}"
# File systems that keep something: not memory, and not the files that a container runtime mounts.
DISKS = f'{NODE}, fstype!~"tmpfs|ramfs|nsfs|squashfs", mountpoint!~"/(run|etc|dev|proc|sys)(/.*)?"'
DISK_FREE = (
    f"min by (mountpoint) (node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}})"
)
BUSY = f'1 - avg(rate(node_cpu_seconds_total{{{NODE}, mode="idle"}}[$__rate_interval]))'
MEMORY_FREE = f"node_memory_MemAvailable_bytes{{{NODE}}}"
MEMORY = f"node_memory_MemTotal_bytes{{{NODE}}}"


def dashboard() -> Json:
    """Make it."""
    return make(
        uid="resources",
        title="Resource use",
        description="CPU and memory of the API against its limits, the host, nginx, and what is monitored at all.",
        runbooks={
            "host": "docs/runbooks/alerts/host.md",
            "monitoring": "docs/runbooks/alerts/monitoring.md",
        },
        variables=[choice("instance", "Instance", 'label_values(up{job="flask-api"}, instance)')],
        panels=[
            *NOW_PANELS,
            Row("The API against its limits (APP_CPU_LIMIT, APP_MEMORY_LIMIT)"),
            *API_PANELS,
            Row("The host"),
            *HOST_PANELS,
            Row("nginx and monitoring"),
            *EDGE_PANELS,
        ],
    )


NOW_PANELS: tuple[Panel, ...] = (
    stat(
        "API memory of limit",
        "Memory of the API, share of its limit. At 100 % the kernel ends a worker.",
        Query(expr=f"max({MEMORY_SHARE})"),
        unit="percentunit",
        limits=at_most(objectives.MEMORY_SHARE, warn=0.8),
    ),
    stat(
        "API CPU of limit",
        "CPU that the API uses, share of its limit. Near 100 % it is slowed down.",
        Query(expr=f"max({CPU_SHARE})"),
        unit="percentunit",
        limits=at_most(0.95, warn=0.8),
    ),
    stat(
        "Host CPU busy",
        "Share of the host's cores that is busy.",
        Query(expr=BUSY),
        unit="percentunit",
        limits=at_most(0.95, warn=0.8),
    ),
    stat(
        "Host memory used",
        "Share of the host's memory that nobody could get.",
        Query(expr=f"1 - min({MEMORY_FREE} / {MEMORY})"),
        unit="percentunit",
        limits=at_most(0.95, warn=0.85),
    ),
    stat(
        "Disk free",
        "Free share of the fullest file system.",
        Query(expr=f"min({DISK_FREE})"),
        unit="percentunit",
        limits=at_least(objectives.DISK_FREE_SHARE, good=0.25),
    ),
    stat(
        "Certificate",
        "Time until the certificate that nginx serves expires.",
        Query(expr="min(branchloans_certificate_expiry_timestamp_seconds) - time()"),
        unit="s",
        limits=at_least(objectives.CERTIFICATE_DAYS * 86400, good=(objectives.CERTIFICATE_DAYS + 9) * 86400),
    ),
)


API_PANELS: tuple[Panel, ...] = (
    graph(
        "API memory",
        "Memory of each instance of the API against its limit.",
        Query(expr=f"branchloans_memory_bytes{{{API}}}", legend="used {{instance}}"),
        Query(expr=f"branchloans_memory_limit_bytes{{{API}}}", legend="limit {{instance}}"),
        unit="bytes",
        width=8,
    ),
    graph(
        "API CPU",
        "Cores that each instance of the API uses, against its limit.",
        Query(expr=CPU_USED, legend="used {{instance}}"),
        Query(expr=f"branchloans_cpu_limit_cores{{{API}}}", legend="limit {{instance}}"),
        unit="none",
        width=8,
    ),
    graph(
        "API slowed down",
        "Seconds per second in which the API had work and no CPU left to its limit. What shows here shows in the "
        "percentiles, too.",
        Query(
            expr=f"rate(branchloans_cpu_throttled_seconds_total{{{API}}}[$__rate_interval])",
            legend="{{instance}}",
        ),
        unit="none",
        width=8,
    ),
)


HOST_PANELS: tuple[Panel, ...] = (
    graph(
        "Host CPU",
        "Cores in use by what they do. iowait is waiting for disks, steal is what the hypervisor took.",
        Query(
            expr=f'sum by (mode) (rate(node_cpu_seconds_total{{{NODE}, mode!="idle"}}[$__rate_interval]))',
            legend="{{mode}}",
        ),
        unit="none",
        stacked=True,
        width=8,
    ),
    graph(
        "Host memory",
        "Memory in use and available on the host.",
        Query(expr=f"{MEMORY} - {MEMORY_FREE}", legend="used"),
        Query(expr=MEMORY_FREE, legend="available"),
        unit="bytes",
        stacked=True,
        width=8,
    ),
    graph(
        "Load",
        "Tasks that run or wait, on average over 1, 5 and 15 minutes. Above the number of cores they wait.",
        *(Query(expr=f"node_load{minutes}{{{NODE}}}", legend=f"{minutes} min") for minutes in (1, 5, 15)),
        unit="none",
        width=8,
    ),
    bars(
        "Free space",
        "Free share of each file system; below the limit the alert fires.",
        Query(expr=DISK_FREE, legend="{{mountpoint}}"),
        unit="percentunit",
        limits=at_least(objectives.DISK_FREE_SHARE, good=0.25),
    ),
    graph(
        "Disks",
        "Bytes per second read from and written to disks.",
        Query(expr=f"sum(rate(node_disk_read_bytes_total{{{NODE}}}[$__rate_interval]))", legend="read"),
        Query(expr=f"sum(rate(node_disk_written_bytes_total{{{NODE}}}[$__rate_interval]))", legend="written"),
        unit="Bps",
        width=8,
    ),
    graph(
        "Network",
        "Bytes per second received and sent by the host, without its talk with itself.",
        Query(
            expr=f"sum(rate(node_network_receive_bytes_total{{{NETWORK}}}[$__rate_interval]))",
            legend="received",
        ),
        Query(
            expr=f"sum(rate(node_network_transmit_bytes_total{{{NETWORK}}}[$__rate_interval]))",
            legend="sent",
        ),
        unit="Bps",
        width=8,
    ),
)


EDGE_PANELS: tuple[Panel, ...] = (
    graph(
        "nginx connections",
        "Open connections of clients by what they do.",
        *(
            Query(expr=f"sum(nginx_connections_{state}{{{NGINX}}})", legend=state)
            for state in ("reading", "writing", "waiting")
        ),
        unit="none",
        stacked=True,
        width=8,
    ),
    graph(
        "nginx requests",
        "Requests per second that reach nginx. What does not show at the API was refused or served here.",
        Query(expr=f"sum(rate(nginx_http_requests_total{{{NGINX}}}[$__rate_interval]))", legend="requests"),
        unit="reqps",
        width=8,
    ),
    bars(
        "Targets",
        "What Prometheus scrapes: the share of each job's targets that answers.",
        Query(expr="avg by (job) (up)", legend="{{job}}"),
        unit="percentunit",
        limits=at_least(1),
    ),
    graph(
        "Series",
        "Time series in Prometheus' memory. A steady climb is a label with too many values.",
        Query(expr='sum(prometheus_tsdb_head_series{job="prometheus"})', legend="series"),
        unit="none",
    ),
    graph(
        "Samples of each scrape",
        "Samples that each job's targets give; a job at its sample_limit is not stored at all.",
        Query(expr="max by (job) (scrape_samples_scraped)", legend="{{job}}"),
        unit="none",
    ),
)
