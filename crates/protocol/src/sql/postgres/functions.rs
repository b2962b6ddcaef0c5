//! Functions of `pg_catalog`: those that are harmless, those that mean something of their own, and all others, which are
//! calls of unlisted code.

use model::Verb;

/// What calling a function of `pg_catalog` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It computes a value from its arguments and touches nothing.
    Harmless,
    /// It is another operation, on the target.
    OnTarget(Verb),
    /// Everything else.
    Call,
}

/// What the function of this name means.
pub(super) fn meaning(name: &str) -> Meaning {
    if HARMLESS.binary_search(&name).is_ok() {
        return Meaning::Harmless;
    }
    match name {
        "set_config" => Meaning::OnTarget(Verb::SqlConfigure),
        "pg_notify" => Meaning::OnTarget(Verb::SqlNotify),
        "pg_read_file" | "pg_read_binary_file" | "pg_ls_dir" | "pg_stat_file" | "pg_ls_logdir" | "pg_ls_waldir"
        | "pg_ls_tmpdir" | "pg_ls_archive_statusdir" | "pg_file_read" | "pg_file_write" | "pg_read_file_v2" => {
            Meaning::OnTarget(Verb::SqlServerFile)
        }
        _ => Meaning::Call,
    }
}

/// Sorted. Only functions that are neither volatile in effect nor read tables, files or other sessions.
const HARMLESS: &[&str] = &[
    "abs", "age", "array_agg", "array_append", "array_cat", "array_dims", "array_fill", "array_length", "array_lower",
    "array_ndims", "array_position", "array_positions", "array_prepend", "array_remove", "array_replace",
    "array_to_json", "array_to_string", "array_upper", "ascii", "avg", "bit_and", "bit_length", "bit_or", "bool_and",
    "bool_or", "btrim", "cardinality", "cbrt", "ceil", "ceiling", "char_length", "character_length", "chr",
    "clock_timestamp", "coalesce", "concat", "concat_ws", "convert_from", "convert_to", "corr", "count", "covar_pop",
    "covar_samp", "cume_dist", "current_database", "current_schema", "current_schemas", "current_user", "date",
    "date_bin", "date_part", "date_trunc", "decode", "degrees", "dense_rank", "div", "encode", "every", "exp", "extract",
    "first_value", "float4", "float8", "floor", "format", "format_type", "gcd", "generate_series",
    "generate_subscripts", "greatest", "initcap", "int4", "int8", "isfinite", "json_agg", "json_array_elements",
    "json_array_elements_text", "json_array_length", "json_build_array", "json_build_object", "json_each",
    "json_each_text", "json_extract_path", "json_extract_path_text", "json_object", "json_object_agg",
    "json_object_keys", "json_strip_nulls", "json_typeof", "jsonb_agg", "jsonb_array_elements",
    "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object", "jsonb_each",
    "jsonb_each_text", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_insert", "jsonb_object",
    "jsonb_object_agg", "jsonb_object_keys", "jsonb_path_exists", "jsonb_path_query", "jsonb_path_query_array",
    "jsonb_path_query_first", "jsonb_pretty", "jsonb_set", "jsonb_strip_nulls", "jsonb_typeof", "justify_days",
    "justify_hours", "justify_interval", "lag", "last_value", "lcm", "lead", "least", "left", "length", "like_escape",
    "ln", "localtime", "localtimestamp", "log", "log10", "lower", "lpad", "ltrim", "make_date", "make_interval",
    "make_time", "make_timestamp", "make_timestamptz", "max", "md5", "min", "mod", "mode", "now", "nth_value", "ntile",
    "nullif", "num_nonnulls", "num_nulls", "numeric", "octet_length", "overlaps", "overlay", "percent_rank",
    "percentile_cont", "percentile_disc", "pg_typeof", "pi", "position", "power", "quote_ident", "quote_literal",
    "quote_nullable", "radians", "random", "rank", "regexp_count", "regexp_instr", "regexp_like", "regexp_match",
    "regexp_matches", "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "regexp_substr", "repeat",
    "replace", "reverse", "right", "round", "row_number", "row_to_json", "rpad", "rtrim", "scale", "session_user",
    "sha224", "sha256", "sha384", "sha512", "sign", "similar_escape", "similar_to_escape", "split_part", "sqrt",
    "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg", "string_to_array",
    "string_to_table", "strpos", "substr", "substring", "sum", "text", "timeofday", "timestamp", "timestamptz",
    "timezone", "to_char", "to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_timestamp",
    "transaction_timestamp", "translate", "trim", "trim_array", "trim_scale", "trunc", "unistr", "unnest", "upper",
    "user", "var_pop", "var_samp", "variance", "version", "width_bucket",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_nothing_that_acts() {
        assert!(HARMLESS.is_sorted_by(|a, b| a < b));
        for name in ["nextval", "setval", "pg_sleep", "query_to_xml", "lo_import", "pg_terminate_backend", "dblink"] {
            assert_eq!(meaning(name), Meaning::Call, "{name}");
        }
        assert_eq!(meaning("set_config"), Meaning::OnTarget(Verb::SqlConfigure));
    }
}
