# The stack in Docker: what `make` lists below "stack". Included by the Makefile; ENV is development, staging or production.
ENV ?= development
export ENV
# The .env that deploy/ writes is Compose's; flask would remark on it.
export FLASK_SKIP_DOTENV = 1
# Development's passwords are the documented ones (deploy/development); the others' are files of their own.
STACK_SECRETS = $(if $(filter development,$(ENV)),deploy/development,secrets/$(ENV))

.PHONY: up down logs ps restart image certs secrets smoke deploy rollback backup restore-drill history \
	prometheus prometheus-check prometheus-reload grafana

up: secrets ## Start the stack and wait until all is healthy (ENV=development)
	@deploy/up.sh

down: ## Stop the stack; data and backups stay
	@deploy/compose.sh down --remove-orphans

logs: ## Follow the logs (service=api for one of them)
	@deploy/compose.sh logs --follow --tail 100 $(service)

ps: ## Show what runs
	@deploy/compose.sh ps --all

restart: ## Restart the stack, or service=api alone
	@deploy/compose.sh restart $(service)

image: ## Build the image (IMAGE=branchloans-api:local)
	@deploy/build-image.sh $(IMAGE)

certs: ## Make the self-signed certificate in ssl/ (FORCE=1 makes a new one)
	@deploy/certs.sh

secrets: ## Make the missing secret files of ENV in secrets/
	@deploy/secrets.sh $(ENV)

smoke: ## Try the running stack through https://branchloans.com on this host
	@deploy/smoke.sh $(or $(URL),https://branchloans.com$(if $(HTTPS_PORT),:$(HTTPS_PORT))) --resolve 127.0.0.1 \
		--http-port $(or $(HTTP_PORT),80) --secrets $(STACK_SECRETS)

deploy: secrets ## Switch to IMAGE=… without a failed request
	@deploy/deploy.sh "$(IMAGE)"

rollback: ## Switch back to the version before the last deployment, at once
	@deploy/rollback.sh

history: ## Show the deployments of this host
	@cat .deploy/history.tsv 2>/dev/null || echo "Nothing was deployed here yet."

backup: ## Take a base backup now
	@deploy/compose.sh exec -T backup bash /opt/branchloans/run.sh now

restore-drill: ## Restore the newest backup to a scratch server and verify it (TARGET="2026-11-20 12:00:00+00")
	@deploy/restore-drill.sh "$(TARGET)"

prometheus: ## Say where Prometheus is, and what it cannot reach
	@deploy/monitoring.sh prometheus

prometheus-check: ## Check Prometheus' configuration and rules in its container
	@deploy/monitoring.sh check

prometheus-reload: ## Have Prometheus read its configuration and rules anew
	@deploy/monitoring.sh reload

grafana: ## Say where Grafana is, and whether it is well
	@deploy/monitoring.sh grafana
