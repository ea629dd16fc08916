-- Grid and area of each feature's point, from the prepared table.
SELECT
    placed.id,
    placed.area_of_point,
    placed.grid_of_point
FROM derive_place AS placed
