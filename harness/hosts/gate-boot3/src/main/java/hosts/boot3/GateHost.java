package hosts.boot3;

import hosts.Webhooks;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.http.HttpMethod;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/** What a plugin meets in Gate of Spinnaker 2025.4 and later: Spring Boot 3, Tomcat 10, Spring Security 6 and PF4J, with paths and security rules like Gate's. */
@SpringBootApplication
@Import({PluginLoader.class, Webhooks.class})
public class GateHost {

  public static void main(String[] args) {
    SpringApplication.run(GateHost.class, args);
  }

  /** What Gate lets in without a login. */
  @Bean
  SecurityFilterChain security(HttpSecurity http) throws Exception {
    return http.csrf(csrf -> csrf.disable())
        .authorizeHttpRequests(
            rules ->
                rules
                    .requestMatchers("/error", "/health", "/auth/user")
                    .permitAll()
                    .requestMatchers(HttpMethod.OPTIONS, "/**")
                    .permitAll()
                    .requestMatchers(HttpMethod.POST, "/webhooks/**")
                    .permitAll()
                    .anyRequest()
                    .authenticated())
        .httpBasic(Customizer.withDefaults())
        .build();
  }
}
