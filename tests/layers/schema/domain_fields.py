"""The fields that chapter 2 of the domain reference requires of every layer, as data."""

COMMON = (
    "name category_code area_code grid_code address std_address_code building_code beidou_code org_code org_name "
    "status data_grade openness sharing_type source_org source_system source_id is_authoritative position_accuracy_m "
    "crs_source quality_flag valid_from valid_to created_at updated_at version"
)

FIELDS = {
    layer_id: f"{COMMON} {names}".split()
    for layer_id, names in {
        "districts": "district_code population_resident area_m2",
        "streets": "street_code mca_code district_code population_resident population_date area_m2 duty_phone "
        "command_center_point recorded_at superseded_at",
        "communities": "community_code street_code urban_rural_code community_type household_count "
        "population_resident recorded_at superseded_at",
        "grids": "grid_code alt_code grid_type parent_code grade_code land_use_code household_count population "
        "grid_head_id worker_ids responsible_org boundary_version recorded_at superseded_at",
        "urban_villages": "village_code area_m2 building_count rental_building_count rental_room_count "
        "population_total population_migrant renewal_stage risk_level fire_access_class gate_count camera_count "
        "place_code_count police_office governance_lead recorded_at superseded_at",
        "buildings": "building_code usage_code height_m floors_above floors_below structure_code built_year "
        "base_elevation_m vertical_datum is_rental room_count fire_risk_level hazard_codes cim_level model_ref",
        "roads": "road_class lanes one_way length_m",
        "video_points": "device_id civil_code point_class camera_type position_type direction_type azimuth_deg "
        "azimuth_source hfov_deg vfov_deg tilt_deg ptz_home_azimuth range_m mount_height_m view_geom resolution_code "
        "has_night_vision has_ai online_status status_since owner_org shared_with bound_objects play_ref",
        "waterways": "river_code waterway_type length_m width_m catchment_km2 chainage_start_m flood_standard_yr "
        "downstream_code river_chief water_quality_target",
        "water_facilities": "facility_type facility_code waterway_code chainage_m bank scale_code pump_count "
        "design_flow_m3s installed_kw start_level_m stop_level_m gate_count gate_width_m sill_elevation_m "
        "total_capacity_1e4m3 normal_level_m flood_limit_level_m design_flood_level_m check_flood_level_m dam_height_m "
        "vertical_datum responsible",
        "flood_risk_points": "point_code risk_kind risk_grade extent ground_elevation_m vertical_datum "
        "drain_design_yr warn_depth_m close_depth_m historical_max_depth_m historical_date waterway_code "
        "nearest_pump_id camera_ids sensor_ids responsible_org responsible_persons plan_id treatment_stage",
        "water_level_stations": "stcd station_type river_name basin datum_name datum_elevation_m datum_offset_m "
        "warning_level_m guarantee_level_m historical_max_m vertical_datum",
        "rain_gauges": "stcd station_type river_name basin interval_min",
        "air_quality_stations": "station_code station_level function_zone height_m",
        "iot_devices": "device_sn device_type model_id protocol parent_id mounted_on component_code install_date "
        "owner_org maintainer_org report_interval_s last_seen_at battery_pct signal_dbm online_status",
        "emergency_resources": "resource_type material_code quantity unit available_quantity checked_at team_kind "
        "member_count speciality_codes standby_level eta_min shelter_level capacity_persons current_persons is_open "
        "indoor barrier_free flood_safe_elevation_m hospital_level beds_total beds_free has_emergency has_helipad "
        "station_kind vehicle_count crew_on_duty response_area contact_name contact_phone backup_phone availability",
        "vehicles": "plate_no plate_color vehicle_kind sim_no terminal_id owner_org capacity status_code",
        "grid_workers": "worker_id name phone role_code grid_codes community_code on_duty duty_from duty_to skills",
        "events": "source source_event_id source_version event_class_code matter_code title description severity "
        "confidence occurred_at reported_at accepted_at dispatched_at handled_at verified_at closed_at stage "
        "level_current due_at overdue lead_org assist_orgs handler_id location_method location_accuracy_m area_code "
        "grid_code urban_village_ids waterway_code related_ids parent_event_id duplicate_of device_ids snapshot_refs "
        "cap extra description_redacted",
    }.items()
}
FIELDS["service_sites"] = [*COMMON.split(), "site_code", "site_type", "matter_prefixes", "opening_hours"]
FIELDS["broadcast_terminals"] = [*COMMON.split(), "coverage", "online_status"]
FIELDS["addresses"] = [*COMMON.split(), "address_code", "street_name", "road_name", "house_number", "building_no"]
WITHOUT_PLACES = {  # 4.7
    "responsibilities": "area_code grid_code feature_layer feature_id matter_prefix level org_name person phone "
    "priority",
    "duty_rosters": "post starts_at ends_at person phone",
}
FIELDS |= {layer_id: names.split() for layer_id, names in WITHOUT_PLACES.items()}

# Fields hidden from callers of less clearance, chapters 7.1 and 7.3: layer, field, lowest grade, mask.
PROTECTED = [
    ("video_points", "play_ref", 4, "absent"),
    ("video_points", "view_geom", 3, "absent"),
    ("grid_workers", "name", 3, "name"),
    ("grid_workers", "phone", 3, "phone"),
    ("emergency_resources", "contact_name", 3, "name"),
    ("emergency_resources", "contact_phone", 3, "phone"),
    ("emergency_resources", "backup_phone", 3, "phone"),
    ("emergency_resources", "quantity", 3, "absent"),
    ("events", "description", 3, "absent"),
    ("events", "address", 3, "absent"),
    ("events", "extra", 3, "absent"),
    ("video_points", "azimuth_deg", 3, "absent"),
    ("video_points", "hfov_deg", 3, "absent"),
    ("grid_workers", "position_at", 3, "absent"),
    ("grid_workers", "grid_codes", 3, "absent"),
    ("waterways", "river_chief", 3, "absent"),
    ("water_facilities", "pumps_running", 3, "absent"),
    ("water_facilities", "opening_m", 3, "absent"),
    ("vehicles", "plate_no", 2, "plate"),
    ("buildings", "population", 3, "absent"),
    ("grids", "household_count", 2, "absent"),
    ("grids", "worker_ids", 3, "absent"),
    ("streets", "duty_phone", 2, "absent"),
]
LAYER_GRADES = {"video_points": 3, "grid_workers": 3, "vehicles": 3, "grids": 2, "buildings": 2}

UNITS = frozenset(
    "m m2 km2 m3/s 10*4.m3 kW deg a s min km/h % 1 {person} {household} {building} {room} {gate} {camera} {code} "  # noqa: SIM905
    "{post} {floor} {lane} {pump} {bed} {vehicle} {dBm} {event} mm mg/m3 ug/m3".split()
)
