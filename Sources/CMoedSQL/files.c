/* Files of `sql/`, embedded by the compiler. */
#include "moed_sql.h"
#include <stddef.h>
#include <string.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const struct {
    const char *name, *text;
} files[] = {
    {"m0001_tables", (const char[]){
#embed "../../sql/m0001_tables.sql" suffix(, 0)
    }},
    {"m0002_enqueue", (const char[]){
#embed "../../sql/m0002_enqueue.sql" suffix(, 0)
    }},
    {"m0003_views", (const char[]){
#embed "../../sql/m0003_views.sql" suffix(, 0)
    }},
    {"m0004_control", (const char[]){
#embed "../../sql/m0004_control.sql" suffix(, 0)
    }},
    {"m0005_checkpoint", (const char[]){
#embed "../../sql/m0005_checkpoint.sql" suffix(, 0)
    }},
    {"m0006_operations", (const char[]){
#embed "../../sql/m0006_operations.sql" suffix(, 0)
    }},
    {"m0007_batches", (const char[]){
#embed "../../sql/m0007_batches.sql" suffix(, 0)
    }},
    {"m0008_tenants", (const char[]){
#embed "../../sql/m0008_tenants.sql" suffix(, 0)
    }},
    {"m0009_deadlines", (const char[]){
#embed "../../sql/m0009_deadlines.sql" suffix(, 0)
    }},
    {"m0010_throughput", (const char[]){
#embed "../../sql/m0010_throughput.sql" suffix(, 0)
    }},
    {"m0011_compatibility", (const char[]){
#embed "../../sql/m0011_compatibility.sql" suffix(, 0)
    }},
    {"m0012_attempts", (const char[]){
#embed "../../sql/m0012_attempts.sql" suffix(, 0)
    }},
    {"m0013_readable", (const char[]){
#embed "../../sql/m0013_readable.sql" suffix(, 0)
    }},
    {"m0014_locks", (const char[]){
#embed "../../sql/m0014_locks.sql" suffix(, 0)
    }},
    {"m0015_clients", (const char[]){
#embed "../../sql/m0015_clients.sql" suffix(, 0)
    }},
    {"m0016_requests", (const char[]){
#embed "../../sql/m0016_requests.sql" suffix(, 0)
    }},
    {"m0017_accounts", (const char[]){
#embed "../../sql/m0017_accounts.sql" suffix(, 0)
    }},
    {"m0018_names", (const char[]){
#embed "../../sql/m0018_names.sql" suffix(, 0)
    }},
    {"m0019_modes", (const char[]){
#embed "../../sql/m0019_modes.sql" suffix(, 0)
    }},
    {"m0020_lines", (const char[]){
#embed "../../sql/m0020_lines.sql" suffix(, 0)
    }},
    {"m0021_endpoints", (const char[]){
#embed "../../sql/m0021_endpoints.sql" suffix(, 0)
    }},
    {"m0022_providers", (const char[]){
#embed "../../sql/m0022_providers.sql" suffix(, 0)
    }},
    {"m0023_one_line", (const char[]){
#embed "../../sql/m0023_one_line.sql" suffix(, 0)
    }},
    {"m0024_gateway", (const char[]){
#embed "../../sql/m0024_gateway.sql" suffix(, 0)
    }},
    {"m0025_money", (const char[]){
#embed "../../sql/m0025_money.sql" suffix(, 0)
    }},
    {"m0026_batch_counts", (const char[]){
#embed "../../sql/m0026_batch_counts.sql" suffix(, 0)
    }},
    {"m0027_key_limits", (const char[]){
#embed "../../sql/m0027_key_limits.sql" suffix(, 0)
    }},
    {"m0028_policies", (const char[]){
#embed "../../sql/m0028_policies.sql" suffix(, 0)
    }},
    {"m0029_embeddings", (const char[]){
#embed "../../sql/m0029_embeddings.sql" suffix(, 0)
    }},
    {"m0030_moderation", (const char[]){
#embed "../../sql/m0030_moderation.sql" suffix(, 0)
    }},
    {"m0031_rerank", (const char[]){
#embed "../../sql/m0031_rerank.sql" suffix(, 0)
    }},
    {"m0032_minutes", (const char[]){
#embed "../../sql/m0032_minutes.sql" suffix(, 0)
    }},
    {"m0033_operate", (const char[]){
#embed "../../sql/m0033_operate.sql" suffix(, 0)
    }},
    {"roles", (const char[]){
#embed "../../sql/roles.sql" suffix(, 0)
    }},
};

const char *moed_sql_find(const char *name) {
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].name, name) == 0) return files[i].text;
    return NULL;
}
