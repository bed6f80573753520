package envoy

import (
	"reflect"
	"strings"
)

// others are the fields that Envoy's messages have beside those of our structs, in
// the API of 2026-01-29; a test holds the two together against the API's own
// descriptors. The root is a bootstrap or a RouteConfiguration.
var others = map[reflect.Type][]string{
	reflect.TypeFor[Config](): strings.Fields(`
		node node_context_params dynamic_resources cluster_manager hds_config flags_path stats_sinks
		deferred_stat_options stats_config stats_flush_interval stats_flush_on_admin stats_eviction_interval watchdog
		watchdogs tracing layered_runtime admin overload_manager enable_dispatcher_stats header_prefix
		stats_server_version_override use_tcp_for_dns_lookups dns_resolution_config typed_dns_resolver_config
		bootstrap_extensions fatal_actions config_sources default_config_source default_socket_interface
		certificate_provider_instances inline_headers perf_tracing_file_path default_regex_engine
		xds_delegate_extension xds_config_tracker_extension listener_manager application_log_config
		grpc_async_client_manager_config memory_allocator_manager enable_worker_cpu_affinity name vhds
		internal_only_headers response_headers_to_add response_headers_to_remove request_headers_to_add
		request_headers_to_remove most_specific_header_mutations_wins validate_clusters
		max_direct_response_body_size_bytes cluster_specifier_plugins request_mirror_policies
		ignore_port_in_host_matching vhost_header ignore_path_parameters_in_path_matching typed_per_filter_config
		metadata route_specifiers`),
	reflect.TypeFor[StaticResources](): strings.Fields(`
		secrets`),
	reflect.TypeFor[Listener](): strings.Fields(`
		additional_addresses stat_prefix stats_matcher fcds_config filter_chain_matcher use_original_dst
		default_filter_chain per_connection_buffer_limit_bytes per_connection_buffer_high_watermark_timeout metadata
		deprecated_v1 drain_type listener_filters listener_filters_timeout continue_on_listener_filters_timeout
		transparent freebind socket_options tcp_fast_open_queue_length traffic_direction udp_listener_config
		api_listener connection_balance_config reuse_port enable_reuse_port access_log tcp_backlog_size
		max_connections_to_accept_per_socket_event bind_to_port internal_listener enable_mptcp ignore_global_conn_limit
		bypass_overload_manager tcp_keepalive`),
	reflect.TypeFor[FilterChain](): strings.Fields(`
		filter_chain_match use_proxy_proto metadata transport_socket transport_socket_connect_timeout name`),
	reflect.TypeFor[Filter](): strings.Fields(`
		config_discovery`),
	reflect.TypeFor[ConnectionManager](): strings.Fields(`
		codec_type rds scoped_routes add_user_agent tracing common_http_protocol_options
		http1_safe_max_connection_duration http_protocol_options http2_protocol_options http3_protocol_options
		server_name server_header_transformation scheme_header_transformation max_request_headers_kb
		stream_idle_timeout stream_flush_timeout request_timeout request_headers_timeout drain_timeout
		drain_timeout_jitter delayed_close_timeout access_log access_log_flush_interval flush_access_log_on_new_request
		access_log_options use_remote_address xff_num_trusted_hops original_ip_detection_extensions
		early_header_mutation_extensions internal_address_config skip_xff_append via generate_request_id
		preserve_external_request_id always_set_request_id_in_response forward_client_cert_details
		set_current_client_cert_details forward_client_cert_matcher proxy_100_continue
		represent_ipv4_remote_address_as_ipv4_mapped_ipv6 upgrade_configs normalize_path merge_slashes
		path_with_escaped_slashes_action request_id_extension local_reply_config strip_matching_host_port
		strip_any_host_port stream_error_on_invalid_http_message path_normalization_options strip_trailing_host_dot
		proxy_status_config typed_header_validation_config append_x_forwarded_port append_local_overload
		add_proxy_protocol_connection_state forward_proto_config record_route_resolution_stats`),
	reflect.TypeFor[HTTPFilter](): strings.Fields(`
		config_discovery is_optional disabled`),
	reflect.TypeFor[RouteConfig](): strings.Fields(`
		vhds internal_only_headers response_headers_to_add response_headers_to_remove request_headers_to_add
		request_headers_to_remove most_specific_header_mutations_wins validate_clusters
		max_direct_response_body_size_bytes cluster_specifier_plugins request_mirror_policies
		ignore_port_in_host_matching vhost_header ignore_path_parameters_in_path_matching typed_per_filter_config
		metadata route_specifiers`),
	reflect.TypeFor[VirtualHost](): strings.Fields(`
		matcher require_tls virtual_clusters rate_limits request_headers_to_add request_headers_to_remove
		response_headers_to_add response_headers_to_remove cors typed_per_filter_config include_request_attempt_count
		include_attempt_count_in_response retry_policy_typed_config hedge_policy include_is_timeout_retry_header
		per_request_buffer_limit_bytes request_body_buffer_limit request_mirror_policies metadata route_specifiers`),
	reflect.TypeFor[Route](): strings.Fields(`
		name redirect direct_response filter_action non_forwarding_action metadata decorator typed_per_filter_config
		request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove tracing
		per_request_buffer_limit_bytes stat_prefix request_body_buffer_limit route_specifiers`),
	reflect.TypeFor[Match](): strings.Fields(`
		safe_regex connect_matcher path_separated_prefix path_match_policy case_sensitive runtime_fraction headers
		query_parameters cookies grpc tls_context dynamic_metadata filter_state`),
	reflect.TypeFor[RouteAction](): strings.Fields(`
		cluster_header weighted_clusters cluster_specifier_plugin inline_cluster_specifier_plugin
		cluster_not_found_response_code metadata_match prefix_rewrite regex_rewrite path_rewrite_policy path_rewrite
		host_rewrite_literal auto_host_rewrite host_rewrite_header host_rewrite_path_regex host_rewrite
		append_x_forwarded_host idle_timeout flush_timeout early_data_policy retry_policy_typed_config
		request_mirror_policies priority rate_limits include_vh_rate_limits hash_policy cors max_grpc_timeout
		grpc_timeout_offset upgrade_configs internal_redirect_policy internal_redirect_action max_internal_redirects
		hedge_policy max_stream_duration`),
	reflect.TypeFor[RetryPolicy](): strings.Fields(`
		per_try_idle_timeout retry_priority retry_host_predicate retry_options_predicates
		host_selection_retry_max_attempts retriable_status_codes rate_limited_retry_back_off retriable_headers
		retriable_request_headers refresh_cluster_on_retry`),
	reflect.TypeFor[Cluster](): strings.Fields(`
		transport_socket_matches transport_socket_matcher alt_stat_name stats_matcher cluster_type eds_cluster_config
		per_connection_buffer_limit_bytes per_connection_buffer_high_watermark_timeout lb_policy health_checks
		max_requests_per_connection upstream_http_protocol_options common_http_protocol_options http_protocol_options
		http2_protocol_options dns_refresh_rate dns_jitter dns_failure_refresh_rate respect_dns_ttl dns_lookup_family
		dns_resolvers use_tcp_for_dns_lookups dns_resolution_config typed_dns_resolver_config wait_for_warm_on_init
		cleanup_interval upstream_bind_config lb_subset_config ring_hash_lb_config maglev_lb_config
		original_dst_lb_config least_request_lb_config round_robin_lb_config transport_socket metadata
		protocol_selection upstream_connection_options close_connections_on_host_health_failure
		ignore_health_on_host_removal filters load_balancing_policy lrs_server lrs_report_endpoint_metrics
		track_timeout_budgets upstream_config track_cluster_stats preconnect_policy
		connection_pool_per_downstream_connection queuing_policies`),
	reflect.TypeFor[LoadAssignment](): strings.Fields(`
		named_endpoints policy`),
	reflect.TypeFor[Locality](): strings.Fields(`
		locality metadata load_balancer_endpoints leds_cluster_locality_config load_balancing_weight priority proximity`),
	reflect.TypeFor[LbEndpoint](): strings.Fields(`
		endpoint_name health_status metadata load_balancing_weight`),
	reflect.TypeFor[Endpoint](): strings.Fields(`
		health_check_config hostname additional_addresses observability_name`),
	reflect.TypeFor[Address](): strings.Fields(`
		pipe envoy_internal_address`),
	reflect.TypeFor[SocketAddress](): strings.Fields(`
		protocol named_port resolver_name ipv4_compat network_namespace_filepath`),
	reflect.TypeFor[ProtocolOptions](): strings.Fields(`
		common_http_protocol_options upstream_http_protocol_options use_downstream_protocol_config auto_config
		http_filters header_validation_config outlier_detection request_mirror_policies hash_policy retry_policy`),
	reflect.TypeFor[ExplicitHTTPConfig](): strings.Fields(`
		http_protocol_options http3_protocol_options`),
	reflect.TypeFor[HTTP2Options](): strings.Fields(`
		hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect
		allow_metadata max_outbound_frames max_outbound_control_frames
		max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream
		max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging
		override_stream_error_on_invalid_http_message custom_settings_parameters use_oghttp2_codec max_metadata_size
		enable_huffman_encoding max_header_field_size_kb disallow_obs_text stream_reset_burst stream_reset_rate`),
	reflect.TypeFor[Keepalive](): strings.Fields(`
		interval_jitter connection_idle_interval`),
	reflect.TypeFor[OutlierDetection](): strings.Fields(`
		successful_active_health_check_uneject_host monitors detect_degraded_hosts`),
	reflect.TypeFor[CircuitBreakers](): strings.Fields(`
		per_host_thresholds`),
	reflect.TypeFor[Thresholds](): strings.Fields(`
		track_remaining max_connection_pools`),
	reflect.TypeFor[RetryBudget](): strings.Fields(`
		budget_interval`),
	reflect.TypeFor[CommonLbConfig](): strings.Fields(`
		zone_aware_lb_config locality_weighted_lb_config update_merge_window ignore_new_hosts_until_first_hc
		close_connections_on_host_set_change consistent_hashing_lb_config override_host_status`),
}
