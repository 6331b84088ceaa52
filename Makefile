# The golden path by its operators' names: thin targets over the command line. LOCAL=1 goes to the embedded engine; more
# options: ARGS="-o json". BACKUP_URI, IMAGE_REF, NAMESPACE, RUN_JOB and CONFIRM_DESTROY are read from the environment.
ifndef RUN_ID
RUN_ID := plan-$(shell date -u +%Y%m%dt%H%M%S)
endif
LOCAL_OPTION := $(if $(filter-out 0 false no,$(LOCAL)),--local)
OUTPUT_DIR ?= .relight/plans/$(RUN_ID)

.PHONY: help dr-plan dr-apply dr-restore dr-validate dr-destroy dr-drill

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

dr-plan: ## write the plan as a bundle (RUN_ID, OUTPUT_DIR); changes nothing
	./run relight plan --run-id "$(RUN_ID)" --output-dir "$(OUTPUT_DIR)" $(LOCAL_OPTION) $(ARGS)

dr-apply: ## bring a runner up and hold it
	./run relight apply $(LOCAL_OPTION) $(ARGS)

dr-restore: ## restore BACKUP_URI (or the latest valid backup) onto the held runner
	./run relight restore $(LOCAL_OPTION) $(ARGS)

dr-validate: ## validate what is restored on the held runner
	./run relight validate $(LOCAL_OPTION) $(ARGS)

dr-destroy: ## tear the held runner down; refused without CONFIRM_DESTROY=1
	./run relight destroy $(LOCAL_OPTION) $(ARGS)

dr-drill: ## the whole rehearsal, torn down at the end
	./run relight drill --auto-promote false --teardown true $(LOCAL_OPTION) $(ARGS)
