-- The place of an area, from its own code.
SELECT
    area.id,
    NULL::text AS grid_of_point,
    rpad(left(area.own_code, 12), 12, '0') AS area_of_point
FROM derive_row AS area
