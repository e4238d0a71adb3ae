mod fake;
mod lane;
mod mock_aws;
