-- The current schema, one file per object, for reading and for SQL tools.
--
-- `moed migrate` installs and updates the schema from the migrations sql/m*.sql. A change of the schema is a new migration
-- and an edit here; a test loads both into two databases and compares their catalogs. Rights are in sql/roles.sql.
-- To load it into an empty database:  psql -1 -v ON_ERROR_STOP=1 -f sql/schema/all.sql
--
-- Order: types and sequences, domains with their function, functions, then tables with their triggers, then views. Functions in SQL name tables
-- that come later, so their bodies are not checked here.

SET check_function_bodies = off;
\ir schema.sql
\ir types/job_state.sql
\ir types/reasoning_mode.sql
\ir sequences/lease_token_seq.sql
\ir functions/call_stamp.sql
\ir domains/acting_role.sql
\ir functions/caller.sql
\ir functions/cancel.sql
\ir functions/cancel_batch.sql
\ir functions/cancel_jobs.sql
\ir functions/cancel_these.sql
\ir functions/chooses_mode.sql
\ir functions/clamp_remarks.sql
\ir functions/decay.sql
\ir functions/enqueue.sql
\ir functions/enqueue_many.sql
\ir functions/expired_message.sql
\ir functions/export_batch.sql
\ir functions/fold_usage.sql
\ir functions/hindrances.sql
\ir functions/import_batch.sql
\ir functions/insert_job.sql
\ir functions/insert_many.sql
\ir functions/is_confined.sql
\ir functions/is_reader.sql
\ir functions/job_forget.sql
\ir functions/job_wake.sql
\ir functions/jobs_insert.sql
\ir functions/jobs_read_only.sql
\ir functions/json_fault.sql
\ir functions/json_fault_place.sql
\ir functions/json_integers.sql
\ir functions/json_kind.sql
\ir functions/json_member.sql
\ir functions/json_number.sql
\ir functions/json_text.sql
\ir functions/json_texts.sql
\ir functions/last_message.sql
\ir functions/length_bucket.sql
\ir functions/matching_jobs.sql
\ir functions/may_touch.sql
\ir functions/milliseconds.sql
\ir functions/model_key.sql
\ir functions/model_of.sql
\ir functions/note_usage.sql
\ir functions/own_tenant.sql
\ir functions/pause.sql
\ir functions/pauses.sql
\ir functions/place_in_queue.sql
\ir functions/place_of_body.sql
\ir functions/prune.sql
\ir functions/prune_remains.sql
\ir functions/read_line.sql
\ir functions/readable_json.sql
\ir functions/redrive.sql
\ir functions/redrive_jobs.sql
\ir functions/redrive_these.sql
\ir functions/register_model.sql
\ir functions/request_body.sql
\ir functions/resume.sql
\ir functions/role_of.sql
\ir functions/set_paused.sql
\ir functions/stored_body.sql
\ir functions/tenant_for.sql
\ir functions/tenant_of.sql
\ir functions/tenant_of_caller.sql
\ir functions/tenant_of_role.sql
\ir functions/utc.sql
\ir functions/vacuum_holders.sql
\ir functions/wait.sql
\ir functions/wake_idle.sql
\ir functions/why.sql
\ir tables/batch.sql
\ir tables/batch_line.sql
\ir tables/cancel_request.sql
\ir tables/control.sql
\ir tables/job.sql
\ir tables/job_attempt.sql
\ir tables/job_checkpoint.sql
\ir tables/job_request.sql
\ir tables/job_result.sql
\ir tables/migration.sql
\ir tables/model.sql
\ir tables/price.sql
\ir tables/tenant.sql
\ir tables/tenant_usage.sql
\ir tables/token_ledger.sql
\ir tables/usage_delta.sql
\ir tables/worker.sql
\ir views/tenants.sql
\ir views/batches.sql
\ir views/cost_daily.sql
\ir views/health.sql
\ir views/jobs.sql
\ir views/progress.sql
\ir views/queue_stats.sql
\ir views/usage_daily.sql
\ir views/workers.sql
