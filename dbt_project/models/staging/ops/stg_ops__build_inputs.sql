with source as (

    select * from {{ source('ops', 'build_inputs') }}

),

renamed as (

    select
        colour,
        as_of_date
    from source

)

select * from renamed
