"""What the service promises, as the alerts have it: the lines and colours of the dashboards come from here."""

# Share of requests that are not answered with a 5xx, over 30 days.
AVAILABILITY = 0.999
# Share of requests that are answered within this many seconds, over 30 days. The number is a bucket's limit.
LATENCY_SHARE = 0.99
LATENCY_SECONDS = 0.25
# Burn rates at which somebody is woken (2 % of the budget in an hour) and at which a ticket is written.
BURN_PAGE = 14.4
BURN_TICKET = 1.0
CONNECTIONS_SHARE = 0.8
DISK_FREE_SHARE = 0.15
CERTIFICATE_DAYS = 21
BACKUP_HOURS = 26
VERIFICATION_HOURS = 26
FIGURES_SECONDS = 15 * 60
POOL_SHARE = 0.9
MEMORY_SHARE = 0.9
